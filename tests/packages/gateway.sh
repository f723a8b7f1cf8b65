# shellcheck shell=bash disable=SC2154 # names that are not set here are set by the script that sources it
# Sourced by scripts that install the gateway in a root: what must hold of it, however it got there.

# Everything there is but for dpkg's own books, with what the administration of accounts
# keeps for itself, and a sum of what stands in /etc. The account itself may stay.
listing() {
    (
        cd "$root" || exit
        find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp \
            -o -path ./srv -o -path ./var/log -o -path ./var/lib/dpkg \) -prune \
            -o -regextype egrep ! -regex '\./etc/(\.pwd\.lock|(passwd|group|g?shadow|sub[ug]id)-)' \
            -printf '%p %M %U:%G %l\n' | sort
        find etc -type f ! -name '*-' -print | sort | while read -r file; do
            printf '%s %s\n' "$file" "$(sed '/^stockgate\(-hub\)\?:/d' "$file" | sha256sum)"
        done
    )
}

unchanged() { diff "$work/before" <(listing); }

client() { in_network curl --silent --show-error --fail --max-time 10 "http://127.0.0.1:8080$1" "${@:2}"; }
restock() { client /api/stock/restock --request PUT --data '{"request_id":"in-1","sku":"A","quantity":100}'; }
deduct() { client /api/stock/deduct --data '{"request_id":"out-1","lines":[{"sku":"A","quantity":6}]}'; }
ready() { client /readyz; }
as_gateway() { inside setpriv --reuid stockgate --regid stockgate --clear-groups "$@"; }

works() {
    expect "the gateway is ready" eventually 30 ready
    expect "goods come in" answers '"available":100' restock
    expect "goods go out" answers '"available":94' deduct
    expect "it runs under its account" answers "^Uid:	$(inside id -u stockgate)	" grep Uid: "/proc/$(gateway_pid)/status"
    expect "its data are its own" says '700 stockgate stockgate' inside stat --format '%a %U %G' "$data"
    expect "so is the database" says '600 stockgate stockgate' inside stat --format '%a %U %G' "$data/stockgate.db"
}

change_configuration() { sed -i 's/^ledger_retention_days = 30$/ledger_retention_days = 31/' "$root$configuration"; }
