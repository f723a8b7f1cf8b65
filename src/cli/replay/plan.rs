//! Reads the whole file before the first row is sent, so that a file that breaks off or is no CSV
//! changes nothing.

use std::collections::BTreeMap;

use serde_json::json;

use super::arguments::ReplayArguments;
use crate::cli::client::Client;
use crate::cli::orders::{Movement, Row};
use crate::stock::Sku;

/// What the rows of a file need to know of each other, and of the gateway.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) rows: u64,
    /// The decimals of the SKUs that the file has fractions of, or needs much of.
    decimals: BTreeMap<Sku, u8>,
}

impl Plan {
    /// Reads the file, and asks the gateway for what it takes fractions of.
    ///
    /// # Errors
    /// Names the line where the file cannot be read.
    pub(super) async fn make(arguments: &ReplayArguments) -> anyhow::Result<Self> {
        let mut plan = Self::default();
        let limit = arguments.limit.unwrap_or(u64::MAX);
        for row in arguments.all_rows()? {
            let row = row?;
            if plan.rows == limit {
                continue;
            }
            plan.rows += 1;
            if let Ok(movement) = row.movement
                && movement.quantity.decimals() > 0
            {
                plan.decimals.insert(movement.sku, 0);
            }
        }
        if !plan.decimals.is_empty() {
            plan.ask(&mut arguments.gateway.connect().await?).await?;
        }
        Ok(plan)
    }

    /// Asks for the decimals of more SKUs, of which the file has whole numbers.
    pub(super) async fn ask_for<'a>(
        &mut self,
        skus: impl Iterator<Item = &'a Sku>,
        client: &mut Client,
    ) -> anyhow::Result<()> {
        self.decimals.extend(skus.map(|sku| (sku.clone(), 0)));
        self.ask(client).await
    }

    async fn ask(&mut self, client: &mut Client) -> anyhow::Result<()> {
        for (sku, decimals) in &mut self.decimals {
            *decimals = decimals_of(client, sku).await?;
        }
        Ok(())
    }

    /// The decimals of a SKU, as far as the file needs them.
    pub(super) fn decimals(&self, sku: &Sku) -> u8 {
        self.decimals.get(sku).copied().unwrap_or(0)
    }

    /// What a row asks for.
    ///
    /// # Errors
    /// Says why the row cannot be used.
    pub(super) fn check<'a>(&self, row: &'a Row) -> Result<&'a Movement, String> {
        let movement = row.movement.as_ref().map_err(Clone::clone)?;
        let decimals = self.decimals(&movement.sku);
        if movement.quantity.decimals() > decimals {
            let counted = match decimals {
                0 => "is counted in whole units".to_owned(),
                _ => format!("has {decimals} decimals"),
            };
            return Err(format!("the quantity is {}, and the SKU {counted}", row.quantity));
        }
        Ok(movement)
    }
}

/// The decimals of a SKU at the gateway; 0 if it is not known there.
async fn decimals_of(client: &mut Client, sku: &Sku) -> anyhow::Result<u8> {
    let item = client.ask(json!({"op": "get", "sku": sku.as_str()})).await?;
    let decimals = item.ok().and_then(|item| item["decimals"].as_u64());
    Ok(decimals.and_then(|decimals| u8::try_from(decimals).ok()).unwrap_or(0))
}
