//! The demo's goods: a name and a barcode for each SKU, published at the hub as a catalogue.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The number of SKUs.
pub(super) const SKUS: usize = 400;
const KINDS: [&str; 20] = [
    "Parasol",
    "Lantern",
    "Teapot",
    "Mug",
    "Cushion",
    "Basket",
    "Candle",
    "Notebook",
    "Umbrella",
    "Clock",
    "Picture Frame",
    "Cake Stand",
    "Doormat",
    "Vase",
    "Apron",
    "Lunch Box",
    "Tray",
    "Watering Can",
    "Blanket",
    "Bird House",
];
const STYLES: [&str; 20] = [
    "White", "Red", "Blue", "Green", "Vintage", "Striped", "Spotted", "Oak", "Brass", "Glass",
    "Tin", "Woven", "Ceramic", "Folding", "Small", "Large", "Garden", "Kitchen", "Travel", "Party",
];
/// A prefix of GS1 that is used for examples here; the demo's codes are in no shop.
const PREFIX: &str = "4099999";

pub(super) fn sku(number: usize) -> String {
    format!("SKU-{number:04}")
}

/// The name of a SKU.
pub(super) fn name(number: usize) -> String {
    let (kind, style) = (number % KINDS.len(), number / KINDS.len() % STYLES.len());
    format!("{} {}", STYLES[style], KINDS[kind])
}

/// The EAN-13 of a SKU.
pub(super) fn barcode(number: usize) -> String {
    let digits = format!("{PREFIX}{number:05}");
    let weighted = digits.bytes().enumerate().map(|(at, digit)| {
        let weight = if at % 2 == 0 { 1 } else { 3 };
        u32::from(digit - b'0') * weight
    });
    format!("{digits}{}", (10 - weighted.sum::<u32>() % 10) % 10)
}

fn catalogue() -> String {
    let mut csv = String::from("sku,name,barcodes\n");
    for number in 0..SKUS {
        let _ = writeln!(csv, "{},{},{}", sku(number), name(number), barcode(number));
    }
    csv
}

/// Publishes the catalogue.
///
/// # Errors
/// If the hub does not take it.
pub(super) async fn publish(hub: SocketAddr) -> anyhow::Result<()> {
    let csv = catalogue();
    let head = format!(
        "PUT /api/catalogue HTTP/1.1\r\nHost: {hub}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        csv.len()
    );
    let mut stream = TcpStream::connect(hub).await?;
    stream.write_all((head + &csv).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.context("the hub does not answer")?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "the hub refuses the demo's catalogue: {answer}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sku_has_a_name_of_its_own_and_a_sound_barcode() {
        let names: std::collections::BTreeSet<_> = (0..SKUS).map(name).collect();
        assert_eq!(names.len(), SKUS);
        assert_eq!(barcode(1), "4099999000012");
        assert!((0..SKUS).all(|number| barcode(number).len() == 13));
    }
}
