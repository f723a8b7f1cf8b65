//! Tokens, roles, sites and TLS: the rules of the HTTP interface.

use tonic::Code;

use super::client::{Client, hub_with_grpc, listening, sale, why};
use super::proto::{
    GetStockRequest, ListReservationsRequest, ListStockRequest, ReceiveRequest, WatchStockRequest,
};
use crate::support::bodies::one;
use crate::support::broker::Broker;
use crate::support::certificates::Authority;
use crate::support::gateway::Gateway;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::process::free_port;
use crate::support::terminal::Terminal as _;

const TOKENS: &str = "
[[hub.tokens]]
name = \"shop\"
role = \"operator\"
token_file = \"shop.token\"
[[hub.tokens]]
name = \"screen\"
role = \"viewer\"
token_file = \"screen.token\"
[[hub.tokens]]
name = \"site\"
role = \"operator\"
token_file = \"site.token\"
sites = [\"wh-01\"]
";

/// The secret of a token.
pub(super) fn secret(name: &str) -> String {
    format!("{name}-secret-0123456789")
}

/// A configured hub with tokens that does not run yet, and its gRPC port.
pub(super) fn with_tokens(keys: &str, sections: &str) -> (Hub, u16) {
    let port = free_port();
    let hub = Hub::prepare(&listening(port, &format!("{keys}{TOKENS}{sections}")));
    for name in ["shop", "screen", "site"] {
        hub.write(&format!("{name}.token"), &secret(name));
    }
    (hub, port)
}

#[test]
fn a_token_is_needed_and_its_role_and_sites_hold() {
    let broker = Broker::start();
    let (mut hub, port) = with_tokens("", &broker.section());
    hub.launch();
    let with = |name: &str| Client::new(port).with_token(&secret(name));
    let get = || GetStockRequest { sku: "A".into() };
    let unauthorized = (Code::Unauthenticated, "unauthorized".to_owned());
    let forbidden = (Code::PermissionDenied, "forbidden".to_owned());
    assert_eq!(why(Client::new(port).deduct(sale("A", 1, "o"))), unauthorized);
    assert_eq!(why(Client::new(port).watch(WatchStockRequest::default())), unauthorized);
    assert_eq!(why(with("wrong").stock(get())), unauthorized);

    let shop = with("shop");
    shop.receive_one("po", "A", 10);
    shop.deduct(sale("A", 4, "o1")).unwrap();
    let ledger = hub.http().with_token(&secret("shop")).get("/api/ledger").json();
    assert_eq!(ledger["entries"][1]["actor"], "shop", "{ledger}");

    let screen = with("screen");
    assert_eq!(screen.stock(get()).unwrap().total.unwrap().units, 6);
    assert_eq!(screen.reservations(ListReservationsRequest::default()).unwrap().items.len(), 0);
    assert_eq!(why(screen.deduct(sale("A", 1, "o2"))), forbidden);
    assert_eq!(why(screen.receive(ReceiveRequest::default())), forbidden);

    let gateways = ["wh-01", "wh-02"].map(|site| {
        let gateway = Gateway::named(site, "gw-01", &broker.section());
        gateway.http().ok("restock", one("in", "A", 5));
        gateway
    });
    until("both are in the books", || {
        shop.stock(get()).unwrap().total.is_some_and(|total| total.units == 16)
    });
    let site = with("site");
    let item = site.stock(get()).unwrap();
    assert_eq!(item.gateways.iter().map(|it| &*it.site).collect::<Vec<_>>(), ["wh-01"]);
    assert_eq!(
        site.stock_list(ListStockRequest::default()).unwrap().items,
        std::slice::from_ref(&item)
    );
    let mut updates = site.watch(WatchStockRequest::default()).unwrap();
    assert_eq!(site.next(&mut updates).unwrap().unwrap().items, [item]);
    assert_eq!(why(site.deduct(sale("A", 1, "o3"))), forbidden);
    assert_eq!(why(site.reservations(ListReservationsRequest::default())), forbidden);
    // What happens at another site is not told.
    gateways[1].http().ok("deduct", one("s", "A", 1));
    until("it is in the books", || {
        shop.stock(get()).unwrap().total.is_some_and(|total| total.units == 15)
    });
    gateways[0].http().ok("deduct", one("s", "A", 2));
    let next = site.next(&mut updates).unwrap().unwrap();
    assert_eq!(next.items[0].gateways[0].on_hand.as_ref().unwrap().units, 3, "{next:?}");
}

#[test]
fn a_watch_ends_when_its_token_is_taken_away() {
    let (mut hub, port) = with_tokens("", "");
    hub.launch();
    let screen = Client::new(port).with_token(&secret("screen"));
    let mut updates = screen.watch(WatchStockRequest::default()).unwrap();
    screen.next(&mut updates).unwrap();
    hub.write("screen.token", "another-secret-0123456789");
    hub.reload();
    Client::new(port).with_token(&secret("shop")).receive_one("po", "A", 1);
    let ended = std::iter::from_fn(|| screen.next(&mut updates).transpose()).find(Result::is_err);
    assert_eq!(why(ended.unwrap()), (Code::Unauthenticated, "unauthorized".into()));
    assert_eq!(why(screen.stock(GetStockRequest { sku: "A".into() })).0, Code::Unauthenticated);
}

#[test]
fn with_a_certificate_the_port_speaks_tls_only() {
    let authority = Authority::new();
    let identity = authority.sign("hub", "IP:127.0.0.1");
    let files = format!(
        "cert_file = \"{}\"\nkey_file = \"{}\"\n",
        identity.certificate.display(),
        identity.key.display()
    );
    let (mut hub, port) = with_tokens(&files, "");
    hub.spawn();
    let trusted = std::fs::read_to_string(authority.file()).unwrap();
    let client = Client::with_tls(port, &trusted).with_token(&secret("shop"));
    let list = || client.stock_list(ListStockRequest::default());
    until("it serves", || list().is_ok());
    client.receive_one("po", "A", 1);
    assert_eq!(list().unwrap().items.len(), 1);
    let stranger = std::fs::read_to_string(Authority::new().file()).unwrap();
    let stranger = Client::with_tls(port, &stranger).with_token(&secret("shop"));
    assert!(stranger.stock_list(ListStockRequest::default()).is_err(), "another authority");
    let plain = Client::new(port).with_token(&secret("shop"));
    assert!(plain.stock_list(ListStockRequest::default()).is_err(), "no TLS");
}

#[test]
fn without_tokens_it_listens_on_loopback_only_and_without_an_address_not_at_all() {
    let hub = Hub::prepare("grpc_listen = \"0.0.0.0:0\"\n");
    let output = hub.command().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("hub.grpc_listen"), "{said}");
    let (hub, port) = hub_with_grpc("");
    let other = Hub::prepare(&listening(port, ""));
    let output = other.command().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = said + &String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("hub.grpc_listen: 127.0.0.1:{port} cannot be used")), "{said}");
    drop(hub);
    let silent = Hub::start_with("grpc_listen = \"\"\n");
    assert!(!silent.log().contains("gRPC"), "{}", silent.log());
}
