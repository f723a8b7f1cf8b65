# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_stockgate_global_optspecs
    string join \n h/help V/version
end

function __fish_stockgate_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_stockgate_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_stockgate_using_subcommand
    set -l cmd (__fish_stockgate_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c stockgate -n "__fish_stockgate_needs_command" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_needs_command" -s V -l version -d 'Print version'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "run" -d 'Run the gateway'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "check-config" -d 'Check a configuration'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "token" -d 'Make the secret of a token'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "replay" -d 'Replay a CSV file of order lines'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "deduct" -d 'Deduct a quantity of a SKU by hand'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "restock" -d 'Restock a quantity of a SKU by hand'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "count" -d 'Set on hand of a SKU to a cycle count by hand'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "merge" -d 'Move all units of a SKU that should not be there to the one that was meant'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "hide" -d 'Take a SKU without stock and listing out of the lists'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "stock" -d 'Show the stock of some SKUs, or of all'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "ledger" -d 'Show the ledger'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "watch" -d 'Show changes of stock and sync as they happen'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "status" -d 'Show the status of the gateway'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "backup" -d 'Copy the database while the gateway runs'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "export" -d 'Write the signed ledger as JSON lines, for auditors'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "verify" -d 'Check the chain and the signatures of a ledger'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "restore" -d 'Replace a lost or damaged database with a new one'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "doctor" -d 'Check database, machine and links, and say what to do'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c stockgate -n "__fish_stockgate_needs_command" -f -a "man" -d 'Print a manual page'
complete -c stockgate -n "__fish_stockgate_using_subcommand run" -l config -d 'The configuration; without it, the built-in defaults' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand run" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand check-config" -l config -d 'The configuration' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand token" -l file -d 'Write it to this file, which must not exist, instead of printing it' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand token" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -l url -d 'The gateway\'s address' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -l token-file -d 'A file that holds the token' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -l ca-file -d 'For https://: the certificate authorities to trust, as PEM; by default the system\'s' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -l columns -d 'Which columns to use: order=NAME,sku=NAME,quantity=NAME, at=NAME for times (by default timestamp, if it is there), and id=NAME if rows have request ids of their own' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -l concurrency -d 'Requests in flight at most' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -l limit -d 'Replay only this many rows' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -l speed -d 'Follow the file\'s times, this many times faster; by default as fast as the gateway answers' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -l rejects -d 'Keep the rows that changed nothing in this CSV file, with line and reason' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -l seed-stock -d 'First restock each SKU with the units that the file deducts'
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -l dry-run -d 'Check the file and say what would be sent, without sending it'
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -l json -d 'Print the summary as JSON'
complete -c stockgate -n "__fish_stockgate_using_subcommand replay" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand deduct" -l reason -d 'Why, for the ledger' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand deduct" -l request-id -d 'The id of the request, to repeat it; a new one by default' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand deduct" -l url -d 'The gateway\'s address' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand deduct" -l token-file -d 'A file that holds the token' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand deduct" -l ca-file -d 'For https://: the certificate authorities to trust, as PEM; by default the system\'s' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand deduct" -l exact -d 'Take the SKU as it is written, also if it looks like a code or like another SKU'
complete -c stockgate -n "__fish_stockgate_using_subcommand deduct" -l json -d 'Print the result as JSON'
complete -c stockgate -n "__fish_stockgate_using_subcommand deduct" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand restock" -l reason -d 'Why, for the ledger' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand restock" -l request-id -d 'The id of the request, to repeat it; a new one by default' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand restock" -l url -d 'The gateway\'s address' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand restock" -l token-file -d 'A file that holds the token' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand restock" -l ca-file -d 'For https://: the certificate authorities to trust, as PEM; by default the system\'s' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand restock" -l exact -d 'Take the SKU as it is written, also if it looks like a code or like another SKU'
complete -c stockgate -n "__fish_stockgate_using_subcommand restock" -l json -d 'Print the result as JSON'
complete -c stockgate -n "__fish_stockgate_using_subcommand restock" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand count" -l reason -d 'Why, for the ledger' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand count" -l request-id -d 'The id of the request, to repeat it; a new one by default' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand count" -l url -d 'The gateway\'s address' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand count" -l token-file -d 'A file that holds the token' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand count" -l ca-file -d 'For https://: the certificate authorities to trust, as PEM; by default the system\'s' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand count" -l exact -d 'Take the SKU as it is written, also if it looks like a code or like another SKU'
complete -c stockgate -n "__fish_stockgate_using_subcommand count" -l json -d 'Print the result as JSON'
complete -c stockgate -n "__fish_stockgate_using_subcommand count" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand merge" -l reason -d 'Why, for the ledger' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand merge" -l request-id -d 'The id of the request, to repeat it; a new one by default' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand merge" -l url -d 'The gateway\'s address' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand merge" -l token-file -d 'A file that holds the token' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand merge" -l ca-file -d 'For https://: the certificate authorities to trust, as PEM; by default the system\'s' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand merge" -l json -d 'Print the result as JSON'
complete -c stockgate -n "__fish_stockgate_using_subcommand merge" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand hide" -l reason -d 'Why, for the ledger' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand hide" -l request-id -d 'The id of the request, to repeat it; a new one by default' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand hide" -l url -d 'The gateway\'s address' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand hide" -l token-file -d 'A file that holds the token' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand hide" -l ca-file -d 'For https://: the certificate authorities to trust, as PEM; by default the system\'s' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand hide" -l json -d 'Print the result as JSON'
complete -c stockgate -n "__fish_stockgate_using_subcommand hide" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand stock" -l prefix -d 'Only SKUs that begin with this text' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand stock" -l search -d 'Only SKUs of which SKU, name or a barcode has every word of this text' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand stock" -l url -d 'The gateway\'s address' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand stock" -l token-file -d 'A file that holds the token' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand stock" -l ca-file -d 'For https://: the certificate authorities to trust, as PEM; by default the system\'s' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand stock" -l json -d 'Print JSON, an item a line'
complete -c stockgate -n "__fish_stockgate_using_subcommand stock" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand ledger" -l after -d 'Begin after this position' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand ledger" -l url -d 'The gateway\'s address' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand ledger" -l token-file -d 'A file that holds the token' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand ledger" -l ca-file -d 'For https://: the certificate authorities to trust, as PEM; by default the system\'s' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand ledger" -l follow -d 'Continue with new entries as they arrive'
complete -c stockgate -n "__fish_stockgate_using_subcommand ledger" -l json -d 'Print JSON, an entry a line'
complete -c stockgate -n "__fish_stockgate_using_subcommand ledger" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand watch" -l prefix -d 'Only SKUs that begin with this text' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand watch" -l low -d 'On a terminal: list SKUs of which this many units or fewer are available' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand watch" -l url -d 'The gateway\'s address' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand watch" -l token-file -d 'A file that holds the token' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand watch" -l ca-file -d 'For https://: the certificate authorities to trust, as PEM; by default the system\'s' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand watch" -l json -d 'Print JSON, one event a line: the gateway\'s, and `lost` when the connection is lost'
complete -c stockgate -n "__fish_stockgate_using_subcommand watch" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand status" -l url -d 'The gateway\'s address' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand status" -l token-file -d 'A file that holds the token' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand status" -l ca-file -d 'For https://: the certificate authorities to trust, as PEM; by default the system\'s' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand status" -l json -d 'Print JSON'
complete -c stockgate -n "__fish_stockgate_using_subcommand status" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand backup" -l data-dir -d 'The gateway\'s data directory' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand backup" -l to -d 'The copy, which must not exist' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand backup" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand export" -l data-dir -d 'The gateway\'s data directory' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand export" -l from -d 'The first position' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand export" -l to -d 'The last position' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand export" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand verify" -l data-dir -d 'The data directory of a gateway, instead of an export' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand verify" -l key -d 'The public key, in hexadecimal digits; without it that of the export is believed' -r
complete -c stockgate -n "__fish_stockgate_using_subcommand verify" -l checkpoint -d 'A file with the line of a later checkpoint: entries up to it must be there' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand verify" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand restore" -l from -d 'Restore this backup' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand restore" -l data-dir -d 'The gateway\'s data directory; the gateway must not run' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand restore" -l from-damaged -d 'Restore what can still be read of the damaged database in the data directory'
complete -c stockgate -n "__fish_stockgate_using_subcommand restore" -l empty -d 'Restore nothing: the next start creates an empty database'
complete -c stockgate -n "__fish_stockgate_using_subcommand restore" -l accept -d 'The database in the data directory as it is, if nothing was decided after it'
complete -c stockgate -n "__fish_stockgate_using_subcommand restore" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand doctor" -l data-dir -d 'The gateway\'s data directory; by default the one in the configuration' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand doctor" -l config -d 'The gateway\'s configuration: checks it too, and the broker and the hub' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand doctor" -l bundle -d 'Write the findings and what helps to understand them to a new file, a .tar.gz without secrets' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand doctor" -l log -d 'A file with the gateway\'s log, for the bundle; by default the log in the journal' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand doctor" -l json -d 'Print JSON'
complete -c stockgate -n "__fish_stockgate_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand completions" -s h -l help -d 'Print help'
complete -c stockgate -n "__fish_stockgate_using_subcommand man" -l to -d 'Write all pages into this directory instead of printing one' -r -F
complete -c stockgate -n "__fish_stockgate_using_subcommand man" -s h -l help -d 'Print help'
