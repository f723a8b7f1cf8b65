//! The route that accepts another key of a device.

use std::collections::BTreeSet;

use hyper::Request;
use hyper::body::Incoming;
use serde_json::json;

use super::json::AcceptKeyJson;
use crate::hex;
use crate::hub::api::HubApi;
use crate::hub::api::no_such_database;
use crate::hub::core::{NotAccepted, accept_key};
use crate::hub::db::Locks;
use crate::hub::request::gateway_id;
use crate::net::http;
use crate::net::json::json as text;
use crate::net::request::read_json;
use crate::problem::{Code, Problem};

impl HubApi {
    /// Accepts the key that a device shows, and has the gateway greet.
    pub(super) async fn accept_key(
        &self,
        site: &str,
        gateway: &str,
        request: Request<Incoming>,
    ) -> Result<String, Problem> {
        let gateway = gateway_id(site, gateway)?;
        let AcceptKeyJson { epoch, public_key } = read_json(&http::body(request).await?)?;
        let no_key = || Problem::bad_request("public_key: must have 64 hexadecimal digits");
        let key = hex::decode(&public_key).ok_or_else(no_key)?;
        let locks = Locks { gateways: BTreeSet::from([gateway.clone()]), ..Locks::default() };
        let of = gateway.clone();
        let accepted = self.change(locks, move |books, gateways| {
            gateways.push(of.clone());
            accept_key(books, &of, epoch, key)
        });
        accepted.await?.map_err(|error| match error {
            NotAccepted::NoSuchEpoch(error) => no_such_database(&gateway, &error),
            NotAccepted::NotOffered(offered) => not_offered(offered),
        })?;
        self.call_gateways();
        Ok(text(&json!({
            "site": gateway.site, "gateway": gateway.gateway, "epoch": epoch,
            "device_key": hex::encode(&key),
        })))
    }
}

fn not_offered(offered: Option<[u8; 32]>) -> Problem {
    let shown =
        offered.map_or("no other key".into(), |key| format!("the key {}", hex::encode(&key)));
    Problem::new(Code::GatewayClosed, format!("public_key: the device shows {shown}, not this one"))
}
