
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'stockgate-hub' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'stockgate-hub'
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
        'stockgate-hub' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run the hub')
            [CompletionResult]::new('check-config', 'check-config', [CompletionResultType]::ParameterValue, 'Check a configuration')
            [CompletionResult]::new('token', 'token', [CompletionResultType]::ParameterValue, 'Make the secret of a token')
            [CompletionResult]::new('backup', 'backup', [CompletionResultType]::ParameterValue, 'Copy the books while the hub runs')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Put a copy in the place of the books')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the hub''s own ledger, or that of a gateway, as JSON lines, for auditors')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check the chains and signatures of the books or of an export')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check books, machine and links, and say what to do')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page')
            [CompletionResult]::new('decode', 'decode', [CompletionResultType]::ParameterValue, 'Print a captured frame as JSON')
            break
        }
        'stockgate-hub;run' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration; without it, the built-in defaults')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate-hub;check-config' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate-hub;token' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Write it to this file, which must not exist, instead of printing it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate-hub;backup' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The hub''s configuration; without it, the built-in defaults')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'The copy, which must not exist')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate-hub;restore' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The hub''s configuration; without it, the built-in defaults')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The copy to restore; the hub must not run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate-hub;export' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The hub''s configuration; without it, the built-in defaults')
            [CompletionResult]::new('--site', '--site', [CompletionResultType]::ParameterName, 'The site of a gateway; without it, the hub''s own ledger is exported')
            [CompletionResult]::new('--gateway', '--gateway', [CompletionResultType]::ParameterName, 'The gateway')
            [CompletionResult]::new('--epoch', '--epoch', [CompletionResultType]::ParameterName, 'The database of the gateway; without it, the one in force')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The first entry')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'The last entry')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate-hub;verify' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The hub''s configuration; without it, the built-in defaults')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The public key, in hexadecimal digits; without it that of the export is believed')
            [CompletionResult]::new('--checkpoint', '--checkpoint', [CompletionResultType]::ParameterName, 'A file with the line of a later checkpoint: entries up to it must be there')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate-hub;doctor' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The hub''s configuration; without it, the built-in defaults')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate-hub;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate-hub;man' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Write all pages into this directory instead of printing one')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'stockgate-hub;decode' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
