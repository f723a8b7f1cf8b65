
use builtin;
use str;

set edit:completion:arg-completer[stockgate-hub] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'stockgate-hub'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'stockgate-hub'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand run 'Run the hub'
            cand check-config 'Check a configuration'
            cand token 'Make the secret of a token'
            cand backup 'Copy the books while the hub runs'
            cand restore 'Put a copy in the place of the books'
            cand export 'Write the hub''s own ledger, or that of a gateway, as JSON lines, for auditors'
            cand verify 'Check the chains and signatures of the books or of an export'
            cand doctor 'Check books, machine and links, and say what to do'
            cand completions 'Print the completions for a shell'
            cand man 'Print a manual page'
            cand decode 'Print a captured frame as JSON'
        }
        &'stockgate-hub;run'= {
            cand --config 'The configuration; without it, the built-in defaults'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate-hub;check-config'= {
            cand --config 'The configuration'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate-hub;token'= {
            cand --file 'Write it to this file, which must not exist, instead of printing it'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate-hub;backup'= {
            cand --config 'The hub''s configuration; without it, the built-in defaults'
            cand --to 'The copy, which must not exist'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate-hub;restore'= {
            cand --config 'The hub''s configuration; without it, the built-in defaults'
            cand --from 'The copy to restore; the hub must not run'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate-hub;export'= {
            cand --config 'The hub''s configuration; without it, the built-in defaults'
            cand --site 'The site of a gateway; without it, the hub''s own ledger is exported'
            cand --gateway 'The gateway'
            cand --epoch 'The database of the gateway; without it, the one in force'
            cand --from 'The first entry'
            cand --to 'The last entry'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate-hub;verify'= {
            cand --config 'The hub''s configuration; without it, the built-in defaults'
            cand --key 'The public key, in hexadecimal digits; without it that of the export is believed'
            cand --checkpoint 'A file with the line of a later checkpoint: entries up to it must be there'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate-hub;doctor'= {
            cand --config 'The hub''s configuration; without it, the built-in defaults'
            cand --json 'Print JSON'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate-hub;completions'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate-hub;man'= {
            cand --to 'Write all pages into this directory instead of printing one'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate-hub;decode'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
    ]
    $completions[$command]
}
