//! Reads the whole file before the first row is sent, so that a file that breaks off or is no CSV
//! changes nothing.

use std::collections::{BTreeMap, HashMap};

use anyhow::anyhow;
use serde_json::json;

use super::arguments::ReplayArguments;
use super::doubts::{odd_spelling, of_skus};
use super::groups::GroupKey;
use super::requests::key;
use crate::cli::client::Client;
use crate::cli::orders::{Dialect, Movement, Row};
use crate::cli::program::Usage;
use crate::stock::{Decimals, Sku};

/// Orders of an odd spelling that are listed.
const ORDERS_MAX: usize = 10;
/// Request ids that stand there twice that are listed.
const IDS_MAX: usize = 10;

/// What the rows of a file need to know of each other, and of the gateway.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) rows: u64,
    /// The SKUs, with the decimals of those that the file has fractions of, or needs much of.
    decimals: BTreeMap<Sku, Option<u8>>,
    /// Each SKU with the line where it is first named, in the order of the file.
    skus: Vec<(u64, Sku)>,
    /// The line of each request id in the file, by its hash.
    ids: HashMap<GroupKey, u64>,
    ids_twice: usize,
    /// What is doubtful in the file.
    pub(super) warnings: Vec<String>,
}

impl Plan {
    /// Reads the file, and asks the gateway for what it takes fractions of.
    ///
    /// # Errors
    /// Names the line where the file cannot be read, or where a quantity may be another one.
    pub(super) async fn make(arguments: &ReplayArguments) -> anyhow::Result<Self> {
        let (mut plan, mut dialect) = (Self::default(), Dialect::default());
        let limit = arguments.limit.unwrap_or(u64::MAX);
        for row in arguments.all_rows()? {
            let row = row?;
            dialect.add(row.line, &row.quantity);
            if plan.rows < limit {
                plan.rows += 1;
                plan.take(row);
            }
        }
        let (file, column) = (arguments.file.display(), arguments.columns.quantity());
        dialect.check(column).map_err(|why| anyhow!("{file}: {why}"))?;
        plan.warnings.extend(dialect.doubts(column));
        if plan.decimals.values().any(Option::is_some) {
            plan.learn(arguments).await?;
        }
        Ok(plan)
    }

    fn take(&mut self, row: Row) {
        let Ok(Movement { id, sku, order, quantity }) = row.movement else { return };
        id.iter().for_each(|id| self.note_id(row.line, id.as_str()));
        let odd = order.as_ref().and_then(|order| odd_spelling(order.as_str()));
        if let Some(odd) = odd.filter(|_| self.warnings.len() < ORDERS_MAX) {
            self.warnings.push(format!("line {}: the order {odd}", row.line));
        }
        let decimals = (quantity.decimals() > 0).then_some(0);
        match self.decimals.get_mut(&sku) {
            Some(known) => *known = known.or(decimals),
            None => {
                self.skus.push((row.line, sku.clone()));
                self.decimals.insert(sku, decimals);
            }
        }
    }

    /// The gateway decides a request once. Of two rows with one id the second is a repetition, or refused.
    fn note_id(&mut self, line: u64, id: &str) {
        if let Some(first) = self.ids.insert(key(id), line) {
            self.ids_twice += 1;
            if self.ids_twice <= IDS_MAX {
                let twice = format!(
                    "line {line}: the id {id:?} is in line {first} already, and the gateway decides it once"
                );
                self.warnings.push(twice);
            }
        }
    }

    /// Compares the SKUs with those of the gateway. That it does not say is doubtful, too.
    ///
    /// # Errors
    /// If rows are to be sent, and the gateway cannot be reached.
    pub(super) async fn compare_skus(&mut self, arguments: &ReplayArguments) -> anyhow::Result<()> {
        let doubts = match arguments.gateway.connect().await {
            Ok(mut client) => of_skus(&self.skus, arguments.seed_stock, &mut client).await,
            Err(error) if is_left_out(arguments, &error) => Err(error),
            Err(error) => return Err(error),
        };
        self.warnings.extend(doubts.unwrap_or_else(|why| {
            vec![format!("the SKUs were not compared with those of the gateway: {why:#}")]
        }));
        Ok(())
    }

    /// Asks for the decimals. A dry run goes on without a gateway, and takes fractions as they are.
    async fn learn(&mut self, arguments: &ReplayArguments) -> anyhow::Result<()> {
        let asked = match arguments.gateway.connect().await {
            Ok(mut client) => self.ask(&mut client).await,
            Err(error) => Err(error),
        };
        match asked {
            Err(error) if is_left_out(arguments, &error) => {
                let decimals = self.decimals.values_mut().flatten();
                decimals.for_each(|decimals| *decimals = Decimals::MOST.into());
                self.warnings.push(format!("fractions are not checked: {error:#}"));
                Ok(())
            }
            asked => asked,
        }
    }

    /// Asks for the decimals of more SKUs, of which the file has whole numbers.
    pub(super) async fn ask_for<'a>(
        &mut self,
        skus: impl Iterator<Item = &'a Sku>,
        client: &mut Client,
    ) -> anyhow::Result<()> {
        for sku in skus {
            self.decimals.insert(sku.clone(), Some(0));
        }
        self.ask(client).await
    }

    async fn ask(&mut self, client: &mut Client) -> anyhow::Result<()> {
        for (sku, decimals) in &mut self.decimals {
            if let Some(decimals) = decimals {
                *decimals = decimals_of(client, sku).await?;
            }
        }
        Ok(())
    }

    /// The decimals of a SKU, as far as the file needs them.
    pub(super) fn decimals(&self, sku: &Sku) -> u8 {
        self.decimals.get(sku).copied().flatten().unwrap_or(0)
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

/// Whether a replay goes on without the answer of the gateway.
fn is_left_out(arguments: &ReplayArguments, error: &anyhow::Error) -> bool {
    arguments.dry_run && !error.is::<Usage>()
}

/// The decimals of a SKU at the gateway; 0 if it is not known there. Any other refusal says nothing of
/// them.
async fn decimals_of(client: &mut Client, sku: &Sku) -> anyhow::Result<u8> {
    let item = match client.ask(json!({"op": "get", "sku": sku.as_str()})).await? {
        Ok(item) => item,
        Err(error) if error["code"] == "unknown_sku" => return Ok(0),
        Err(error) => return Err(client.refusal(&error)),
    };
    let decimals = item["decimals"].as_u64().and_then(|decimals| u8::try_from(decimals).ok());
    Ok(decimals.unwrap_or(0))
}
