//! The engine alone, without network: deductions a second by the size of a commit and the kind of
//! request id.
//!
//! ```text
//! cargo bench --bench engine                  # on an empty database
//! cargo bench --bench engine -- 1000000       # with so many requests remembered beforehand
//! ```
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod load;

use std::sync::Arc;
use std::time::Duration;

use load::batches;
use load::engine::Engine;
use load::figures::COLUMNS;
use load::gateway::temp_dir;
use load::requests::{Ids, Requests};
use load::zipf::Zipf;

const SKUS: usize = 4_000;
const BATCHES: [usize; 4] = [1, 64, 256, 1_024];
const TIME: Duration = Duration::from_secs(3);

fn main() {
    let remembered = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(0);
    let skus = Arc::new(Zipf::new(SKUS));
    println!("ids        batch {COLUMNS}   (times are those of a batch)");
    for ids in [Ids::Uuid, Ids::Sequential] {
        let dir = temp_dir();
        let before = Requests::new(&skus, ids);
        let mut engine = Engine::prefill(dir.path(), &skus, before, remembered);
        for batch in BATCHES {
            let requests = Requests::new(&skus, ids);
            let figures = batches::run(requests, batch, TIME, |batch| engine.deduct(batch));
            println!("{:<10} {batch:>5} {}", format!("{ids:?}"), figures.row());
        }
    }
}
