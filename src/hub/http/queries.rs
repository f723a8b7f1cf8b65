//! The routes that read the books.

use uuid::Uuid;

use super::json::{ItemsJson, RecallJson, StatusJson};
use super::moment::day;
use crate::hub::api::HubApi;
use crate::hub::api::unknown_gateway;
use crate::hub::reader::{self, DemandQuery, GatewayQuery, GatewayState, LedgerQuery};
use crate::hub::request::gateway_id;
use crate::net::access::Sites;
use crate::net::http::{filled, number, page_size};
use crate::net::json::json;
use crate::problem::{Code, Problem};
use crate::process::RELEASE;
use crate::protocol::topic::GatewayId;
use crate::stock::RequestId;

impl HubApi {
    pub(super) async fn gateways(
        &self,
        query: Option<&str>,
        sites: &Sites,
    ) -> Result<String, Problem> {
        let query = GatewayQuery { sites: sites.clone(), ..gateway_query(query)? };
        let page = self.read(move |db| reader::gateways(db, &query)).await?;
        Ok(json(&page))
    }

    pub(super) async fn status(&self, sites: &Sites) -> Result<String, Problem> {
        let sites = sites.clone();
        let status = self.read(move |db| reader::status(db, &sites)).await?;
        Ok(json(&StatusJson {
            books: status.books,
            worker: self.worker(),
            version: RELEASE,
            store: status.store,
            gateways: status.gateways,
            online: status.online,
            held: status.held,
            pending_out: self.pending_out(),
            problem: self.problem(),
            ledger_problem: self.ledger_problem(),
            left_out: self.left_out.gateways().iter().map(ToString::to_string).collect(),
        }))
    }

    pub(super) async fn demand(
        &self,
        query: Option<&str>,
        sites: &Sites,
    ) -> Result<String, Problem> {
        let query = DemandQuery { sites: sites.clone(), ..demand_query(query)? };
        let page = self.read(move |db| reader::demand(db, &query)).await?;
        Ok(json(&page))
    }

    /// The gateways that are not enrolled and have sent to this process.
    pub(super) fn strangers(&self) -> String {
        json(&ItemsJson { items: self.strangers.list() })
    }

    pub(super) async fn databases(&self, site: &str, gateway: &str) -> Result<String, Problem> {
        let gateway = gateway_id(site, gateway)?;
        let unknown = unknown_gateway(&gateway);
        let items = self.read(move |db| reader::databases(db, &gateway)).await?;
        if items.is_empty() { Err(unknown) } else { Ok(json(&ItemsJson { items })) }
    }

    pub(super) async fn stock_list(
        &self,
        query: Option<&str>,
        sites: &Sites,
    ) -> Result<String, Problem> {
        let sites = sites.clone();
        let after = filled(query, "after").unwrap_or_default();
        let limit = limit(query)?;
        let page = self.read(move |db| reader::stock_list(db, &after, limit, &sites)).await?;
        Ok(json(&page))
    }

    pub(super) async fn stock(&self, sku: String, sites: &Sites) -> Result<String, Problem> {
        let (wanted, sites) = (sku.clone(), sites.clone());
        let found = self.read(move |db| reader::stock(db, &wanted, &sites)).await?;
        let unknown = || Problem::new(Code::UnknownSku, format!("SKU {sku} is not in the books"));
        Ok(json(&found.ok_or_else(unknown)?))
    }

    pub(super) async fn ledger(
        &self,
        query: Option<&str>,
        sites: &Sites,
    ) -> Result<String, Problem> {
        if filled(query, "site").is_none() && filled(query, "gateway").is_none() {
            sites.check_all("the hub's own ledger")?;
            let (after, limit) = (number(query, "after")?.unwrap_or(0), limit(query)?);
            return self.read(move |db| reader::movements(db, after, limit)).await;
        }
        let ledger = ledger_query(query)?;
        sites.check(&ledger.gateway.site)?;
        let unknown = unknown_gateway(&ledger.gateway);
        let page = self.read(move |db| reader::ledger(db, &ledger)).await?;
        page.ok_or(unknown)
    }

    pub(super) async fn reconcile(&self, query: Option<&str>) -> Result<String, Problem> {
        let all = flag("all", filled(query, "all"))?;
        let after = filled(query, "after").unwrap_or_default();
        let limit = limit(query)?;
        Ok(json(&self.reconcile_page(all, after, limit).await?))
    }

    pub(super) async fn recall(&self, request_id: &str, sites: &Sites) -> Result<String, Problem> {
        let request_id = RequestId::parse(request_id)
            .map_err(|error| Problem::bad_request(format!("request_id: {error}")))?;
        let (wanted, sites) = (request_id.clone(), sites.clone());
        let found = self.read(move |db| reader::recall(db, &wanted, &sites)).await?;
        let unknown =
            || Problem::new(Code::UnknownRequest, format!("there is no recall {request_id}"));
        let found = found.ok_or_else(unknown)?;
        let decimals = self.decimals(found.lines.iter().map(|line| &line.sku)).await?;
        Ok(json(&RecallJson::new(&request_id, &found, None, &decimals)))
    }
}

fn gateway_query(query: Option<&str>) -> Result<GatewayQuery, Problem> {
    let after = filled(query, "after");
    let after = after.map(|after| {
        let (site, gateway) = after.split_once('/').unwrap_or((&after, ""));
        GatewayId { site: site.into(), gateway: gateway.into() }
    });
    let state = filled(query, "state").map(|name| {
        GatewayState::of_name(&name).ok_or_else(|| {
            Problem::bad_request("state: must be online, offline, held, fenced or replaced")
        })
    });
    let (limit, state) = (limit(query)?, state.transpose()?);
    Ok(GatewayQuery { after, limit, state, sites: Sites::All })
}

fn ledger_query(query: Option<&str>) -> Result<LedgerQuery, Problem> {
    let named = |name: &str| {
        filled(query, name).ok_or_else(|| Problem::bad_request(format!("{name}: is missing")))
    };
    let gateway = GatewayId { site: named("site")?, gateway: named("gateway")? };
    let epoch = filled(query, "epoch").map(|epoch| epoch.parse::<Uuid>()).transpose();
    Ok(LedgerQuery {
        gateway,
        epoch: epoch.map_err(|error| Problem::bad_request(format!("epoch: {error}")))?,
        aside: flag("aside", filled(query, "aside"))?,
        after: number(query, "after")?.unwrap_or(0),
        limit: limit(query)?,
    })
}

fn demand_query(query: Option<&str>) -> Result<DemandQuery, Problem> {
    Ok(DemandQuery {
        site: filled(query, "site"),
        gateway: filled(query, "gateway"),
        sku: filled(query, "sku"),
        from: day(query, "from")?,
        to: day(query, "to")?,
        after: filled(query, "after").unwrap_or_default(),
        limit: limit(query)?,
        sites: Sites::All,
    })
}

/// A parameter that is `true` or `false`; false if it is absent.
pub(super) fn flag(name: &str, value: Option<String>) -> Result<bool, Problem> {
    match value.as_deref() {
        Some("true" | "1") => Ok(true),
        None | Some("false" | "0") => Ok(false),
        Some(other) => {
            Err(Problem::bad_request(format!("{name}: must be true or false, is {other:?}")))
        }
    }
}

pub(super) fn limit(query: Option<&str>) -> Result<usize, Problem> {
    page_size(number(query, "limit")?)
}
