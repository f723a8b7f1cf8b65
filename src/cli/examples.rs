//! The examples at the end of each `--help` and manual page.

pub(super) const RUN: &str = "\
Examples:
  stockgate run
  stockgate run --config /etc/stockgate/stockgate.toml";

pub(super) const CHECK_CONFIG: &str = "\
Examples:
  stockgate check-config --config /etc/stockgate/stockgate.toml";

pub(super) const TOKEN: &str = "\
Examples:
  stockgate token
  stockgate token --file /etc/stockgate/line-3.token";

#[cfg(feature = "demo")]
pub(super) const DEMO: &str = "\
Examples:
  stockgate demo
  stockgate demo --duration 30";

pub(super) const REPLAY: &str = "\
Examples:
  stockgate replay orders.csv --dry-run
  stockgate replay orders.csv --rejects rejects.csv
  stockgate replay orders.csv.zst --columns order=invoice,sku=item,quantity=qty --seed-stock --concurrency 32";

pub(super) const DEDUCT: &str = "\
Examples:
  stockgate deduct 85123A 6 --reason 'sold at the counter'
  stockgate deduct FLOUR 1.25 --request-id 7a1c0f5e-40b5-4c39-a9e2-0f6d3f0a9b11

The id of the request is printed before it is sent. Exit codes: 0 applied, 1 refused, or not known to
be applied: then repeat it with the same id; 2 wrong usage.";

pub(super) const RESTOCK: &str = "\
Examples:
  stockgate restock 85123A 100 --reason 'delivery 4711'
  stockgate restock FLOUR 25.5 --token-file /etc/stockgate/line-3.token

The id of the request is printed before it is sent. Exit codes: 0 applied, 1 refused, or not known to
be applied: then repeat it with the same id; 2 wrong usage.";

pub(super) const COUNT: &str = "\
Examples:
  stockgate count 85123A 94 --reason 'cycle count'
  stockgate count FLOUR 0 --json

The id of the request is printed before it is sent. Exit codes: 0 applied, 1 refused, or not known to
be applied: then repeat it with the same id; 2 wrong usage.";

pub(super) const MERGE: &str = "\
Examples:
  stockgate merge 85123a 85123A --reason 'misread label'

The token needs the role admin. The id of the request is printed before it is sent. Exit codes: 0
applied, 1 refused, or not known to be applied: then repeat it with the same id; 2 wrong usage.";

pub(super) const HIDE: &str = "\
Examples:
  stockgate hide 85123a

The SKU stays in the ledger, and is back once it has stock or is listed. The token needs the role
admin. Exit codes: 0 applied, 1 refused, or not known to be applied: then repeat it with the same id;
2 wrong usage.";

pub(super) const STOCK: &str = "\
Examples:
  stockgate stock
  stockgate stock 85123A 71053 --json
  stockgate stock --search 'hanging heart'
  stockgate stock --prefix 85 --url https://gw-01:8080 --ca-file ca.pem --token-file line-3.token";

pub(super) const LEDGER: &str = "\
Examples:
  stockgate ledger --after 1200
  stockgate ledger --follow --json";

pub(super) const WATCH: &str = "\
Examples:
  stockgate watch --low 5
  stockgate watch --prefix 85 --json";

pub(super) const STATUS: &str = "\
Examples:
  stockgate status
  stockgate status --json --url http://gw-01:8080";

pub(super) const BACKUP: &str = "\
Examples:
  stockgate backup --data-dir /var/lib/stockgate --to /mnt/backup/stockgate.db";

pub(super) const EXPORT: &str = "\
Examples:
  stockgate export --data-dir /var/lib/stockgate > ledger.jsonl
  stockgate export --data-dir /var/lib/stockgate --from 1000 --to 2000";

pub(super) const VERIFY: &str = "\
Examples:
  stockgate verify --data-dir /var/lib/stockgate
  stockgate verify ledger.jsonl --checkpoint later.json";

pub(super) const RESTORE: &str = "\
Examples:
  stockgate restore --from /mnt/backup/stockgate.db --data-dir /var/lib/stockgate
  stockgate restore --from-damaged --data-dir /var/lib/stockgate";

pub(super) const DOCTOR: &str = "\
Examples:
  stockgate doctor --config /etc/stockgate/stockgate.toml --data-dir /var/lib/stockgate
  stockgate doctor --config /etc/stockgate/stockgate.toml --data-dir /var/lib/stockgate --bundle report.tar.gz";

pub(super) const COMPLETIONS: &str = "\
Examples:
  stockgate completions bash > /etc/bash_completion.d/stockgate
  stockgate completions zsh > ~/.zfunc/_stockgate";

pub(super) const MAN: &str = "\
Examples:
  stockgate man | man -l -
  stockgate man restore | man -l -
  stockgate man --to /usr/local/share/man/man1";

#[cfg(feature = "hub")]
pub(super) const HUB_RUN: &str = "\
Examples:
  stockgate-hub run
  stockgate-hub run --config /etc/stockgate/stockgate-hub.toml";

#[cfg(feature = "hub")]
pub(super) const HUB_CHECK_CONFIG: &str = "\
Examples:
  stockgate-hub check-config --config /etc/stockgate/stockgate-hub.toml";

#[cfg(feature = "hub")]
pub(super) const HUB_TOKEN: &str = "\
Examples:
  stockgate-hub token
  stockgate-hub token --file /etc/stockgate/shop.token";

#[cfg(feature = "hub")]
pub(super) const HUB_DECODE: &str = "\
Examples:
  stockgate-hub decode frame.bin";

#[cfg(feature = "hub")]
pub(super) const HUB_BACKUP: &str = "\
Examples:
  stockgate-hub backup --config /etc/stockgate/stockgate-hub.toml --to /mnt/backup/hub.db";

#[cfg(feature = "hub")]
pub(super) const HUB_EXPORT: &str = "\
Examples:
  stockgate-hub export --config /etc/stockgate/stockgate-hub.toml > books.jsonl
  stockgate-hub export --config /etc/stockgate/stockgate-hub.toml --site wh-01 --gateway gw-01";

#[cfg(feature = "hub")]
pub(super) const HUB_VERIFY: &str = "\
Examples:
  stockgate-hub verify --config /etc/stockgate/stockgate-hub.toml
  stockgate-hub verify books.jsonl --checkpoint later.json";

#[cfg(feature = "hub")]
pub(super) const HUB_RESTORE: &str = "\
Examples:
  stockgate-hub restore --config /etc/stockgate/stockgate-hub.toml --from /mnt/backup/hub.db";

#[cfg(feature = "hub")]
pub(super) const HUB_DOCTOR: &str = "\
Examples:
  stockgate-hub doctor --config /etc/stockgate/stockgate-hub.toml
  stockgate-hub doctor --config /etc/stockgate/stockgate-hub.toml --json";

#[cfg(feature = "hub")]
pub(super) const HUB_COMPLETIONS: &str = "\
Examples:
  stockgate-hub completions bash > /etc/bash_completion.d/stockgate-hub";

#[cfg(feature = "hub")]
pub(super) const HUB_MAN: &str = "\
Examples:
  stockgate-hub man | man -l -
  stockgate-hub man restore | man -l -";
