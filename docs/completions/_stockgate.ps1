
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'stockgate' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'stockgate'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'stockgate' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run the gateway')
            [CompletionResult]::new('check-config', 'check-config', [CompletionResultType]::ParameterValue, 'Check a configuration')
            [CompletionResult]::new('token', 'token', [CompletionResultType]::ParameterValue, 'Make the secret of a token')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Replay a CSV file of order lines')
            [CompletionResult]::new('deduct', 'deduct', [CompletionResultType]::ParameterValue, 'Deduct a quantity of a SKU by hand')
            [CompletionResult]::new('restock', 'restock', [CompletionResultType]::ParameterValue, 'Restock a quantity of a SKU by hand')
            [CompletionResult]::new('count', 'count', [CompletionResultType]::ParameterValue, 'Set on hand of a SKU to a cycle count by hand')
            [CompletionResult]::new('merge', 'merge', [CompletionResultType]::ParameterValue, 'Move all units of a SKU that should not be there to the one that was meant')
            [CompletionResult]::new('hide', 'hide', [CompletionResultType]::ParameterValue, 'Take a SKU without stock and listing out of the lists')
            [CompletionResult]::new('stock', 'stock', [CompletionResultType]::ParameterValue, 'Show the stock of some SKUs, or of all')
            [CompletionResult]::new('ledger', 'ledger', [CompletionResultType]::ParameterValue, 'Show the ledger')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Show changes of stock and sync as they happen')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the status of the gateway')
            [CompletionResult]::new('backup', 'backup', [CompletionResultType]::ParameterValue, 'Copy the database while the gateway runs')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the signed ledger as JSON lines, for auditors')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check the chain and the signatures of a ledger')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Replace a lost or damaged database with a new one')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check database, machine and links, and say what to do')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page')
            break
        }
        'stockgate;run' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration; without it, the built-in defaults')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;check-config' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;token' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Write it to this file, which must not exist, instead of printing it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;replay' {
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The gateway''s address')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'A file that holds the token')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'For https://: the certificate authorities to trust, as PEM; by default the system''s')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Which columns to use: order=NAME,sku=NAME,quantity=NAME, at=NAME for times (by default timestamp, if it is there), and id=NAME if rows have request ids of their own')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Requests in flight at most')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Replay only this many rows')
            [CompletionResult]::new('--speed', '--speed', [CompletionResultType]::ParameterName, 'Follow the file''s times, this many times faster; by default as fast as the gateway answers')
            [CompletionResult]::new('--rejects', '--rejects', [CompletionResultType]::ParameterName, 'Keep the rows that changed nothing in this CSV file, with line and reason')
            [CompletionResult]::new('--seed-stock', '--seed-stock', [CompletionResultType]::ParameterName, 'First restock each SKU with the units that the file deducts')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Check the file and say what would be sent, without sending it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the summary as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;deduct' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why, for the ledger')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'The id of the request, to repeat it; a new one by default')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The gateway''s address')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'A file that holds the token')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'For https://: the certificate authorities to trust, as PEM; by default the system''s')
            [CompletionResult]::new('--exact', '--exact', [CompletionResultType]::ParameterName, 'Take the SKU as it is written, also if it looks like a code or like another SKU')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the result as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;restock' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why, for the ledger')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'The id of the request, to repeat it; a new one by default')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The gateway''s address')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'A file that holds the token')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'For https://: the certificate authorities to trust, as PEM; by default the system''s')
            [CompletionResult]::new('--exact', '--exact', [CompletionResultType]::ParameterName, 'Take the SKU as it is written, also if it looks like a code or like another SKU')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the result as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;count' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why, for the ledger')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'The id of the request, to repeat it; a new one by default')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The gateway''s address')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'A file that holds the token')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'For https://: the certificate authorities to trust, as PEM; by default the system''s')
            [CompletionResult]::new('--exact', '--exact', [CompletionResultType]::ParameterName, 'Take the SKU as it is written, also if it looks like a code or like another SKU')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the result as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;merge' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why, for the ledger')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'The id of the request, to repeat it; a new one by default')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The gateway''s address')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'A file that holds the token')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'For https://: the certificate authorities to trust, as PEM; by default the system''s')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the result as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;hide' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why, for the ledger')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'The id of the request, to repeat it; a new one by default')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The gateway''s address')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'A file that holds the token')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'For https://: the certificate authorities to trust, as PEM; by default the system''s')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the result as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;stock' {
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'Only SKUs that begin with this text')
            [CompletionResult]::new('--search', '--search', [CompletionResultType]::ParameterName, 'Only SKUs of which SKU, name or a barcode has every word of this text')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The gateway''s address')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'A file that holds the token')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'For https://: the certificate authorities to trust, as PEM; by default the system''s')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, an item a line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;ledger' {
            [CompletionResult]::new('--after', '--after', [CompletionResultType]::ParameterName, 'Begin after this position')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The gateway''s address')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'A file that holds the token')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'For https://: the certificate authorities to trust, as PEM; by default the system''s')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Continue with new entries as they arrive')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, an entry a line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;watch' {
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'Only SKUs that begin with this text')
            [CompletionResult]::new('--low', '--low', [CompletionResultType]::ParameterName, 'On a terminal: list SKUs of which this many units or fewer are available')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The gateway''s address')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'A file that holds the token')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'For https://: the certificate authorities to trust, as PEM; by default the system''s')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, one event a line: the gateway''s, and `lost` when the connection is lost')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;status' {
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'The gateway''s address')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'A file that holds the token')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'For https://: the certificate authorities to trust, as PEM; by default the system''s')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;backup' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'The gateway''s data directory')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'The copy, which must not exist')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;export' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'The gateway''s data directory')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The first position')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'The last position')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;verify' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'The data directory of a gateway, instead of an export')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The public key, in hexadecimal digits; without it that of the export is believed')
            [CompletionResult]::new('--checkpoint', '--checkpoint', [CompletionResultType]::ParameterName, 'A file with the line of a later checkpoint: entries up to it must be there')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;restore' {
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Restore this backup')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'The gateway''s data directory; the gateway must not run')
            [CompletionResult]::new('--from-damaged', '--from-damaged', [CompletionResultType]::ParameterName, 'Restore what can still be read of the damaged database in the data directory')
            [CompletionResult]::new('--empty', '--empty', [CompletionResultType]::ParameterName, 'Restore nothing: the next start creates an empty database')
            [CompletionResult]::new('--accept', '--accept', [CompletionResultType]::ParameterName, 'The database in the data directory as it is, if nothing was decided after it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;doctor' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'The gateway''s data directory; by default the one in the configuration')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The gateway''s configuration: checks it too, and the broker and the hub')
            [CompletionResult]::new('--bundle', '--bundle', [CompletionResultType]::ParameterName, 'Write the findings and what helps to understand them to a new file, a .tar.gz without secrets')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'A file with the gateway''s log, for the bundle; by default the log in the journal')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate;man' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Write all pages into this directory instead of printing one')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
