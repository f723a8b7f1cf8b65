//! The routes that change which gateways and databases there are.

use std::collections::BTreeSet;

use hyper::Request;
use hyper::body::Incoming;

use super::json::{
    BringBackJson, BroughtBackJson, BroughtBackLineJson, EnrolJson, HeldJson, RetireJson,
    RetiredJson,
};
use super::no_fields;
use crate::clock::wall_ms;
use crate::hub::api::HubApi;
use crate::hub::api::{cannot_bring_back, no_such_database, unknown_gateway};
use crate::hub::core::{Books as _, HeldUnits, bring_back, repair, retire};
use crate::hub::db::Locks;
use crate::hub::request::gateway_id;
use crate::limits::PAGE_MAX;
use crate::net::access::{Principal, Sites};
use crate::net::http;
use crate::net::json::json;
use crate::net::request::read_json;
use crate::problem::Problem;
use crate::protocol::topic::GatewayId;
use crate::stock::{Amount, Cause, Line};

impl HubApi {
    pub(super) async fn enrol(
        &self,
        request: Request<Incoming>,
        sites: &Sites,
    ) -> Result<String, Problem> {
        let EnrolJson { site, gateway } = read_json(&http::body(request).await?)?;
        let id = gateway_id(&site, &gateway)?;
        sites.check(&id.site)?;
        let (enrolled, now_ms) = (id.clone(), wall_ms());
        let change = self.change(locks(&id), move |books, gateways| {
            if !books.is_enrolled(&enrolled)? {
                books.enrol(&enrolled, now_ms);
            }
            gateways.push(enrolled.clone());
            Ok(books.books(&enrolled)?.is_empty())
        });
        let (is_new, stranger) = (change.await?, self.strangers.forget(&id));
        // Its greeting was left aside, and it may wait a minute before the next one.
        if let Some(epoch) = stranger.filter(|_| is_new) {
            self.call_gateway(id, epoch);
        }
        Ok(json(&serde_json::json!({ "site": site, "gateway": gateway })))
    }

    pub(super) async fn retire(
        &self,
        site: &str,
        gateway: &str,
        request: Request<Incoming>,
    ) -> Result<String, Problem> {
        let gateway = gateway_id(site, gateway)?;
        let RetireJson { epoch } = read_json(&http::body(request).await?)?;
        let retiring = gateway.clone();
        let retired = self.change(locks(&gateway), move |books, gateways| {
            gateways.push(retiring.clone());
            retire(books, &retiring, epoch)
        });
        let retired = retired.await?.map_err(|error| no_such_database(&gateway, &error))?;
        let decimals = self.decimals(retired.held.iter().map(|held| &held.sku)).await?;
        let sum = |of: fn(&HeldUnits) -> i64| {
            let amount = |held: &HeldUnits| Amount::new(of(held), decimals.of(&held.sku));
            Amount::total(retired.held.iter().map(amount))
        };
        let shown = &retired.held[..retired.held.len().min(PAGE_MAX)];
        Ok(json(&RetiredJson {
            epoch: retired.epoch,
            acked_seq: retired.acked_seq,
            known_seq: retired.known_seq,
            on_hand: sum(|held| held.on_hand),
            in_transit: sum(|held| held.in_transit),
            skus: retired.held.len(),
            held: shown.iter().map(|held| HeldJson::new(held, &decimals)).collect(),
        }))
    }

    pub(super) async fn bring_back(
        &self,
        site: &str,
        gateway: &str,
        request: Request<Incoming>,
        principal: &Principal,
    ) -> Result<String, Problem> {
        let gateway = gateway_id(site, gateway)?;
        let BringBackJson { from, to, reason } = read_json(&http::body(request).await?)?;
        let id = gateway.clone();
        let cause = Cause { actor: principal.actor(), reason };
        let brought_back = self.change(locks(&gateway), move |books, gateways| {
            gateways.push(id.clone());
            bring_back(books, &id, from, to, &cause)
        });
        let done = brought_back.await?.map_err(|error| cannot_bring_back(&gateway, &error))?;
        let (skus, replayed) = (done.lines.len(), done.replayed);
        let decimals = self.decimals(done.lines.iter().map(|line| &line.sku)).await?;
        let amount = |line: &Line| Amount::new(line.quantity.units(), decimals.of(&line.sku));
        let units = Amount::total(done.lines.iter().map(amount));
        let lines = done.lines.into_iter().take(PAGE_MAX);
        let lines = lines.map(|line| BroughtBackLineJson::new(line, &decimals)).collect();
        Ok(json(&BroughtBackJson { from, to, units, skus, lines, replayed }))
    }

    pub(super) async fn repair(
        &self,
        site: &str,
        gateway: &str,
        request: Request<Incoming>,
    ) -> Result<String, Problem> {
        no_fields(request).await?;
        let gateway = gateway_id(site, gateway)?;
        let unknown = unknown_gateway(&gateway);
        let repaired = self.change(locks(&gateway), move |books, gateways| {
            gateways.push(gateway.clone());
            repair(books, &gateway)
        });
        let skus = repaired.await?.ok_or(unknown)?;
        Ok(json(&serde_json::json!({ "repaired": skus })))
    }
}

fn locks(gateway: &GatewayId) -> Locks {
    Locks { gateways: BTreeSet::from([gateway.clone()]), ..Locks::default() }
}
