//! The arguments of a replay.

use std::path::PathBuf;

use crate::cli::client::GatewayArguments;
use crate::cli::orders::{Columns, Row, rows};

/// What to replay, and where.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReplayArguments {
    /// A CSV file of order lines, plain, .gz or .zst
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) gateway: GatewayArguments,
    /// Which columns to use: order=NAME,sku=NAME,quantity=NAME, at=NAME for times (by default
    /// timestamp, if it is there), and id=NAME if rows have request ids of their own
    #[arg(long, default_value = "order=order_id,sku=sku,quantity=quantity")]
    pub(super) columns: Columns,
    /// Requests in flight at most
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) concurrency: u16,
    /// Replay only this many rows
    #[arg(long)]
    pub(super) limit: Option<u64>,
    /// First restock each SKU with the units that the file deducts
    #[arg(long)]
    pub(super) seed_stock: bool,
    /// Follow the file's times, this many times faster; by default as fast as the gateway answers
    #[arg(long, value_parser = speed)]
    pub(super) speed: Option<f64>,
    /// Check the file and say what would be sent, without sending it
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Keep the rows that changed nothing in this CSV file, with line and reason
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl ReplayArguments {
    /// A replay of the whole file, with an opening stock.
    #[cfg(any(test, feature = "demo"))]
    pub(crate) fn demo(file: PathBuf, gateway: GatewayArguments) -> Self {
        Self {
            file,
            gateway,
            columns: Columns::default(),
            concurrency: 16,
            limit: None,
            seed_stock: true,
            speed: None,
            dry_run: false,
            rejects: None,
            json: false,
        }
    }

    /// The rows to replay.
    ///
    /// # Errors
    /// If the file cannot be opened or lacks a column.
    pub(super) fn rows(&self) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Row>> + use<>> {
        let limit =
            self.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(self.all_rows()?.take(limit))
    }

    /// The rows of the file, whatever the limit.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub(super) fn all_rows(
        &self,
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Row>> + use<>> {
        let columns = self.columns.clone();
        rows(&self.file, &if self.speed.is_some() { columns.with_times() } else { columns })
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0);
    speed.ok_or_else(|| "must be a number over 0".into())
}
