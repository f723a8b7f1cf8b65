//! SKUs drawn by Zipf's law before anything is measured.

const EXPONENT: f64 = 0.99;
const DRAWN: usize = 1 << 20;
/// A prime, so that it scatters the most frequent SKUs over the whole stock.
const STEP: usize = 7_919;

/// A long sequence of SKUs, the same in every run.
#[derive(Debug)]
pub struct Zipf {
    /// How many SKUs there are.
    pub skus: usize,
    drawn: Vec<u32>,
}

impl Zipf {
    /// Draws from so many SKUs.
    pub fn new(skus: usize) -> Self {
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=skus)
            .map(|rank| {
                sum += (rank as f64).powf(-EXPONENT);
                sum
            })
            .collect();
        let mut random = fastrand::Rng::with_seed(1);
        let mut draw = || sums.partition_point(|upto| *upto < random.f64() * sum);
        let drawn = (0..DRAWN).map(|_| (draw().min(skus - 1) * STEP % skus) as u32).collect();
        Self { skus, drawn }
    }

    /// The SKU at a place in the sequence, which is repeated endlessly.
    pub fn at(&self, place: usize) -> u32 {
        self.drawn[place % DRAWN]
    }
}
