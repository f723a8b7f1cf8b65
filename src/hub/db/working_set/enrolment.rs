//! The gateways that are enrolled.

use std::collections::BTreeMap;

use crate::hub::db::error::BooksError;
use crate::hub::db::schema::ENROLLED;
use crate::hub::db::sql::{Change, Executor, SqlRow, SqlValue, Write};
use crate::protocol::topic::GatewayId;

#[derive(Debug, Default)]
pub(super) struct EnrolmentSet {
    known: BTreeMap<GatewayId, bool>,
    new: Vec<SqlRow>,
}

impl EnrolmentSet {
    pub(super) fn contains(
        &mut self,
        db: &mut dyn Executor,
        gateway: &GatewayId,
    ) -> Result<bool, BooksError> {
        if let Some(known) = self.known.get(gateway) {
            return Ok(*known);
        }
        let sql = "SELECT at_ms FROM enrolled WHERE site = $1 AND gateway = $2";
        let of = [SqlValue::text(&gateway.site), SqlValue::text(&gateway.gateway)];
        let found = !db.query(sql, &of)?.is_empty();
        self.known.insert(gateway.clone(), found);
        Ok(found)
    }

    pub(super) fn add(&mut self, gateway: &GatewayId, now_ms: i64) {
        self.known.insert(gateway.clone(), true);
        self.new.push(vec![
            SqlValue::text(&gateway.site),
            SqlValue::text(&gateway.gateway),
            SqlValue::Int(now_ms),
        ]);
    }

    pub(super) fn changes(&mut self) -> Change {
        Change { table: &ENROLLED, write: Write::Register, rows: std::mem::take(&mut self.new) }
    }
}
