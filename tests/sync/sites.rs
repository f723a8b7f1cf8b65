//! Tokens of the hub that are bound to sites.

use serde_json::{Value, json};

use crate::support::bodies::{many, one, with};
use crate::support::broker::Broker;
use crate::support::gateway::Gateway;
use crate::support::http::Http;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::terminal::Terminal as _;

const EPOCH: &str = "936da01f-9abd-4d9d-80c7-02af85c82201";

/// A hub with a gateway at each of two sites, and tokens bound to the first.
struct TwoSites {
    hub: Hub,
    gateways: [Gateway; 2],
    _broker: Broker,
}

impl TwoSites {
    fn start() -> Self {
        let broker = Broker::start();
        let hub = Hub::start_with(&format!("{}{}", tokens(), broker.section()));
        let gateways = ["wh-01", "wh-02"].map(|site| {
            let gateway = Gateway::named(site, "gw-01", &broker.section());
            gateway.http().ok("restock", many("in", &[("A", 10), ("B", 5)]));
            gateway
        });
        let started = Self { hub, gateways, _broker: broker };
        until("both are in the books", || {
            let items = started.all().get("/api/gateways").json()["items"].clone();
            let synced = |item: &Value| item["acked_seq"] == 2 && item["pending"] == 0;
            items.as_array().is_some_and(|items| items.len() == 2 && items.iter().all(synced))
        });
        started
    }

    /// A client with a token that is not bound.
    fn all(&self) -> Http {
        self.hub.http().with_token("all-secret-0123456789")
    }

    /// A client with a token of this role that is bound to `wh-01`.
    fn bound(&self, role: &str) -> Http {
        self.hub.http().with_token(&format!("{role}-secret-0123456789"))
    }

    fn receive(&self, id: &str, quantity: u64) {
        assert_eq!(self.all().post("/api/receipts", &one(id, "A", quantity)).status, 200);
    }
}

#[test]
fn lists_hold_what_is_of_the_sites_of_a_token() {
    let mut sites = TwoSites::start();
    sites.receive("po-1", 100);
    sites.gateways[1].terminate();
    let other = with(with(one("g2", "A", 7), "site", "wh-02"), "gateway", "gw-01");
    assert_eq!(sites.all().post("/api/grants", &other).status, 200);

    let viewer = sites.bound("viewer");
    let listed = viewer.get("/api/gateways").json();
    let [only] = listed["items"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!((&only["site"], &listed["next"]), (&json!("wh-01"), &Value::Null));
    assert_eq!(viewer.get("/api/gateways?limit=1&state=online").json()["next"], Value::Null);
    assert_eq!(viewer.get("/api/gateways?after=wh-01/gw-01").json()["items"], json!([]));

    let own = json!([{"site": "wh-01", "gateway": "gw-01", "on_hand": 10, "reserved": 0}]);
    let item =
        json!({"sku": "A", "unallotted": 93, "in_transit": 0, "total": 103, "gateways": own});
    assert_eq!(viewer.get("/api/stock/A").json(), item);
    assert_eq!(viewer.get("/api/stock").json()["items"][0], item);
    let whole = sites.all().get("/api/stock/A").json();
    assert_eq!((&whole["in_transit"], &whole["total"]), (&json!(7), &json!(120)));

    let counted = |http: Http| {
        let status = http.get("/api/status").json();
        ["gateways", "online", "held"].map(|field| status[field].as_u64().unwrap())
    };
    assert_eq!(counted(sites.bound("viewer")), [1, 1, 0]);
    until("the other is offline", || counted(sites.all()) == [2, 1, 0]);

    assert_eq!(viewer.get("/api/ledger?site=wh-01&gateway=gw-01").status, 200);
    assert_eq!(viewer.get("/api/gateways/wh-01/gw-01").status, 200);
}

#[test]
fn another_site_is_forbidden_whether_it_exists_or_not() {
    let sites = TwoSites::start();
    sites.receive("po-1", 100);
    let admin = sites.bound("admin");
    let mut said = Vec::new();
    for site in ["wh-02", "wh-03"] {
        let body = |id: &str| {
            let line = one(&format!("{id}-{site}"), "A", 1);
            with(with(line, "site", site), "gateway", "gw-01")
        };
        let gateway = format!("/api/gateways/{site}/gw-01");
        let answers = [
            admin.get(&gateway),
            admin.get(&format!("/api/ledger?site={site}&gateway=gw-01")),
            admin.post("/api/grants", &body("g")),
            admin.post("/api/recalls", &body("r")),
            admin.post(&format!("{gateway}/retire"), &json!({"epoch": EPOCH})),
            admin.post(&format!("{gateway}/repair"), &json!({})),
            admin.post("/api/gateways", &json!({"site": site, "gateway": "gw-09"})),
            admin.put(
                &format!("/api/policies/A?site={site}&gateway=gw-01"),
                &json!({"low_water": 1, "target": 2}),
            ),
        ];
        let refused = answers.map(|answer| answer.refused("forbidden")["message"].to_string());
        said.push(refused.map(|message| message.replace(site, "SITE")));
    }
    assert_eq!(said[0], said[1], "nothing tells which of the sites exists");
    assert_eq!(sites.all().get("/api/stock/A").json()["unallotted"], 100);
    assert_eq!(sites.all().get("/api/gateways/wh-02/gw-01").json()["items"][0]["state"], "open");
}

#[test]
fn a_bound_operator_moves_units_between_the_pool_and_its_sites() {
    let sites = TwoSites::start();
    sites.receive("po-1", 100);
    let operator = sites.bound("operator");
    let of = |id: &str, site: &str| with(with(one(id, "A", 5), "site", site), "gateway", "gw-01");

    assert_eq!(operator.post("/api/grants", &of("g1", "wh-01")).status, 200);
    until("the grant has arrived", || {
        operator.get("/api/stock/A").json()["gateways"][0]["on_hand"] == 15
    });
    assert_eq!(operator.post("/api/recalls", &of("r1", "wh-01")).status, 200);
    assert_eq!(sites.all().post("/api/recalls", &of("r2", "wh-02")).status, 200);
    assert_eq!(operator.get("/api/recalls/r1").status, 200);
    operator.get("/api/recalls/r2").refused("unknown_request");
    assert_eq!(sites.all().get("/api/recalls/r2").status, 200);
}

#[test]
fn what_belongs_to_no_site_is_forbidden_to_a_bound_token() {
    let sites = TwoSites::start();
    let admin = sites.bound("admin");
    let policy = json!({"low_water": 1, "target": 2});
    for answer in [
        admin.post("/api/receipts", &one("c1", "A", 1)),
        admin.post("/api/deduct", &one("c2", "A", 1)),
        admin.put("/api/policies/A", &policy),
        admin.send("PUT", "/api/catalogue", Some(b"sku,name,barcodes\nA,Anything,\n")),
        admin.get("/api/reconcile"),
        admin.get("/api/strangers"),
    ] {
        let problem = answer.refused("forbidden");
        assert!(problem["message"].as_str().unwrap().contains("bound to wh-01"), "{problem}");
    }
    assert_eq!(sites.all().get("/api/stock/A").json()["unallotted"], 0);
    assert_eq!(sites.all().get("/api/reconcile").json()["balanced"], true);
}

fn tokens() -> String {
    let token = |name: &str, role: &str, sites: &str| {
        format!(
            "[[hub.tokens]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken = \"{name}-secret-0123456789\"\n{sites}"
        )
    };
    let bound =
        ["viewer", "operator", "admin"].map(|role| token(role, role, "sites = [\"wh-01\"]\n"));
    token("all", "admin", "") + &bound.concat()
}
