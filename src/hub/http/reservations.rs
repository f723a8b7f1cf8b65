//! The routes that show reservations in the pool.

use super::queries::limit;
use crate::hub::api::HubApi;
use crate::hub::reader::{self, ReservationQuery};
use crate::net::http::filled;
use crate::net::json::json;
use crate::net::request::ClientRequestId;
use crate::problem::{Code, Problem};

impl HubApi {
    pub(super) async fn reservations(&self, query: Option<&str>) -> Result<String, Problem> {
        let query = ReservationQuery {
            order_id: filled(query, "order_id"),
            sku: filled(query, "sku"),
            after: filled(query, "after").unwrap_or_default(),
            limit: limit(query)?,
            now: self.clock.now(),
        };
        let page = self.read(move |db| reader::reservations(db, &query)).await?;
        Ok(json(&page))
    }

    pub(super) async fn reservation(&self, id: &str) -> Result<String, Problem> {
        let ClientRequestId(id) = ClientRequestId::parse("reservation", id)?;
        let (wanted, now) = (id.clone(), self.clock.now());
        let found = self.read(move |db| reader::reservation(db, &wanted, now)).await?;
        let unknown =
            || Problem::new(Code::UnknownReservation, format!("there is no reservation {id}"));
        Ok(json(&found.ok_or_else(unknown)?))
    }
}
