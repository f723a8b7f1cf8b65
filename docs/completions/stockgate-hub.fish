# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_stockgate_hub_global_optspecs
    string join \n h/help V/version
end

function __fish_stockgate_hub_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_stockgate_hub_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_stockgate_hub_using_subcommand
    set -l cmd (__fish_stockgate_hub_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -s h -l help -d 'Print help'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -s V -l version -d 'Print version'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -f -a "run" -d 'Run the hub'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -f -a "check-config" -d 'Check a configuration'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -f -a "token" -d 'Make the secret of a token'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -f -a "backup" -d 'Copy the books while the hub runs'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -f -a "restore" -d 'Put a copy in the place of the books'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -f -a "export" -d 'Write the hub\'s own ledger, or that of a gateway, as JSON lines, for auditors'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -f -a "verify" -d 'Check the chains and signatures of the books or of an export'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -f -a "doctor" -d 'Check books, machine and links, and say what to do'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -f -a "man" -d 'Print a manual page'
complete -c stockgate-hub -n "__fish_stockgate_hub_needs_command" -f -a "decode" -d 'Print a captured frame as JSON'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand run" -l config -d 'The configuration; without it, the built-in defaults' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand run" -s h -l help -d 'Print help'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand check-config" -l config -d 'The configuration' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand token" -l file -d 'Write it to this file, which must not exist, instead of printing it' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand token" -s h -l help -d 'Print help'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand backup" -l config -d 'The hub\'s configuration; without it, the built-in defaults' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand backup" -l to -d 'The copy, which must not exist' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand backup" -s h -l help -d 'Print help'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand restore" -l config -d 'The hub\'s configuration; without it, the built-in defaults' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand restore" -l from -d 'The copy to restore; the hub must not run' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand restore" -s h -l help -d 'Print help'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand export" -l config -d 'The hub\'s configuration; without it, the built-in defaults' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand export" -l site -d 'The site of a gateway; without it, the hub\'s own ledger is exported' -r
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand export" -l gateway -d 'The gateway' -r
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand export" -l epoch -d 'The database of the gateway; without it, the one in force' -r
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand export" -l from -d 'The first entry' -r
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand export" -l to -d 'The last entry' -r
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand export" -s h -l help -d 'Print help'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand verify" -l config -d 'The hub\'s configuration; without it, the built-in defaults' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand verify" -l key -d 'The public key, in hexadecimal digits; without it that of the export is believed' -r
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand verify" -l checkpoint -d 'A file with the line of a later checkpoint: entries up to it must be there' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand verify" -s h -l help -d 'Print help'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand doctor" -l config -d 'The hub\'s configuration; without it, the built-in defaults' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand doctor" -l json -d 'Print JSON'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand completions" -s h -l help -d 'Print help'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand man" -l to -d 'Write all pages into this directory instead of printing one' -r -F
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand man" -s h -l help -d 'Print help'
complete -c stockgate-hub -n "__fish_stockgate_hub_using_subcommand decode" -s h -l help -d 'Print help'
