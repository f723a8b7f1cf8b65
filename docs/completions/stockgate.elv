
use builtin;
use str;

set edit:completion:arg-completer[stockgate] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'stockgate'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'stockgate'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand run 'Run the gateway'
            cand check-config 'Check a configuration'
            cand token 'Make the secret of a token'
            cand replay 'Replay a CSV file of order lines'
            cand deduct 'Deduct a quantity of a SKU by hand'
            cand restock 'Restock a quantity of a SKU by hand'
            cand count 'Set on hand of a SKU to a cycle count by hand'
            cand merge 'Move all units of a SKU that should not be there to the one that was meant'
            cand hide 'Take a SKU without stock and listing out of the lists'
            cand stock 'Show the stock of some SKUs, or of all'
            cand ledger 'Show the ledger'
            cand watch 'Show changes of stock and sync as they happen'
            cand status 'Show the status of the gateway'
            cand backup 'Copy the database while the gateway runs'
            cand export 'Write the signed ledger as JSON lines, for auditors'
            cand verify 'Check the chain and the signatures of a ledger'
            cand restore 'Replace a lost or damaged database with a new one'
            cand doctor 'Check database, machine and links, and say what to do'
            cand completions 'Print the completions for a shell'
            cand man 'Print a manual page'
        }
        &'stockgate;run'= {
            cand --config 'The configuration; without it, the built-in defaults'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;check-config'= {
            cand --config 'The configuration'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;token'= {
            cand --file 'Write it to this file, which must not exist, instead of printing it'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;replay'= {
            cand --url 'The gateway''s address'
            cand --token-file 'A file that holds the token'
            cand --ca-file 'For https://: the certificate authorities to trust, as PEM; by default the system''s'
            cand --columns 'Which columns to use: order=NAME,sku=NAME,quantity=NAME, at=NAME for times (by default timestamp, if it is there), and id=NAME if rows have request ids of their own'
            cand --concurrency 'Requests in flight at most'
            cand --limit 'Replay only this many rows'
            cand --speed 'Follow the file''s times, this many times faster; by default as fast as the gateway answers'
            cand --rejects 'Keep the rows that changed nothing in this CSV file, with line and reason'
            cand --seed-stock 'First restock each SKU with the units that the file deducts'
            cand --dry-run 'Check the file and say what would be sent, without sending it'
            cand --json 'Print the summary as JSON'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;deduct'= {
            cand --reason 'Why, for the ledger'
            cand --request-id 'The id of the request, to repeat it; a new one by default'
            cand --url 'The gateway''s address'
            cand --token-file 'A file that holds the token'
            cand --ca-file 'For https://: the certificate authorities to trust, as PEM; by default the system''s'
            cand --exact 'Take the SKU as it is written, also if it looks like a code or like another SKU'
            cand --json 'Print the result as JSON'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;restock'= {
            cand --reason 'Why, for the ledger'
            cand --request-id 'The id of the request, to repeat it; a new one by default'
            cand --url 'The gateway''s address'
            cand --token-file 'A file that holds the token'
            cand --ca-file 'For https://: the certificate authorities to trust, as PEM; by default the system''s'
            cand --exact 'Take the SKU as it is written, also if it looks like a code or like another SKU'
            cand --json 'Print the result as JSON'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;count'= {
            cand --reason 'Why, for the ledger'
            cand --request-id 'The id of the request, to repeat it; a new one by default'
            cand --url 'The gateway''s address'
            cand --token-file 'A file that holds the token'
            cand --ca-file 'For https://: the certificate authorities to trust, as PEM; by default the system''s'
            cand --exact 'Take the SKU as it is written, also if it looks like a code or like another SKU'
            cand --json 'Print the result as JSON'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;merge'= {
            cand --reason 'Why, for the ledger'
            cand --request-id 'The id of the request, to repeat it; a new one by default'
            cand --url 'The gateway''s address'
            cand --token-file 'A file that holds the token'
            cand --ca-file 'For https://: the certificate authorities to trust, as PEM; by default the system''s'
            cand --json 'Print the result as JSON'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;hide'= {
            cand --reason 'Why, for the ledger'
            cand --request-id 'The id of the request, to repeat it; a new one by default'
            cand --url 'The gateway''s address'
            cand --token-file 'A file that holds the token'
            cand --ca-file 'For https://: the certificate authorities to trust, as PEM; by default the system''s'
            cand --json 'Print the result as JSON'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;stock'= {
            cand --prefix 'Only SKUs that begin with this text'
            cand --search 'Only SKUs of which SKU, name or a barcode has every word of this text'
            cand --url 'The gateway''s address'
            cand --token-file 'A file that holds the token'
            cand --ca-file 'For https://: the certificate authorities to trust, as PEM; by default the system''s'
            cand --json 'Print JSON, an item a line'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;ledger'= {
            cand --after 'Begin after this position'
            cand --url 'The gateway''s address'
            cand --token-file 'A file that holds the token'
            cand --ca-file 'For https://: the certificate authorities to trust, as PEM; by default the system''s'
            cand --follow 'Continue with new entries as they arrive'
            cand --json 'Print JSON, an entry a line'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;watch'= {
            cand --prefix 'Only SKUs that begin with this text'
            cand --low 'On a terminal: list SKUs of which this many units or fewer are available'
            cand --url 'The gateway''s address'
            cand --token-file 'A file that holds the token'
            cand --ca-file 'For https://: the certificate authorities to trust, as PEM; by default the system''s'
            cand --json 'Print JSON, one event a line: the gateway''s, and `lost` when the connection is lost'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;status'= {
            cand --url 'The gateway''s address'
            cand --token-file 'A file that holds the token'
            cand --ca-file 'For https://: the certificate authorities to trust, as PEM; by default the system''s'
            cand --json 'Print JSON'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;backup'= {
            cand --data-dir 'The gateway''s data directory'
            cand --to 'The copy, which must not exist'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;export'= {
            cand --data-dir 'The gateway''s data directory'
            cand --from 'The first position'
            cand --to 'The last position'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;verify'= {
            cand --data-dir 'The data directory of a gateway, instead of an export'
            cand --key 'The public key, in hexadecimal digits; without it that of the export is believed'
            cand --checkpoint 'A file with the line of a later checkpoint: entries up to it must be there'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;restore'= {
            cand --from 'Restore this backup'
            cand --data-dir 'The gateway''s data directory; the gateway must not run'
            cand --from-damaged 'Restore what can still be read of the damaged database in the data directory'
            cand --empty 'Restore nothing: the next start creates an empty database'
            cand --accept 'The database in the data directory as it is, if nothing was decided after it'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;doctor'= {
            cand --data-dir 'The gateway''s data directory; by default the one in the configuration'
            cand --config 'The gateway''s configuration: checks it too, and the broker and the hub'
            cand --bundle 'Write the findings and what helps to understand them to a new file, a .tar.gz without secrets'
            cand --log 'A file with the gateway''s log, for the bundle; by default the log in the journal'
            cand --json 'Print JSON'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;completions'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'stockgate;man'= {
            cand --to 'Write all pages into this directory instead of printing one'
            cand -h 'Print help'
            cand --help 'Print help'
        }
    ]
    $completions[$command]
}
