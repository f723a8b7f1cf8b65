//! What the command line asks for.

pub(crate) struct Plan {
    /// In place of the number that each part has by itself.
    pub(crate) gateways: Option<usize>,
    /// Entries of each gateway that drains.
    pub(crate) entries: u64,
    pub(crate) skus: usize,
    /// The duration of parts that run for a while.
    pub(crate) seconds: u64,
    parts: Vec<String>,
    store: Option<String>,
    workers: Option<usize>,
}

impl Plan {
    /// Reads the command line.
    ///
    /// # Panics
    /// If it is not understood.
    pub(crate) fn of_arguments() -> Self {
        let mut plan = Self {
            gateways: None,
            entries: 5_000,
            skus: 2_000,
            seconds: 60,
            parts: Vec::new(),
            store: None,
            workers: None,
        };
        // Cargo adds this one.
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            let number = |text: String| text.parse().expect("a number");
            match word.as_str() {
                "--gateways" => plan.gateways = Some(number(value())),
                "--entries" => plan.entries = number(value()) as u64,
                "--skus" => plan.skus = number(value()),
                "--seconds" => plan.seconds = number(value()) as u64,
                "--workers" => plan.workers = Some(number(value())),
                "--store" => plan.store = Some(value()),
                "--part" => plan.parts.push(value()),
                _ => panic!("{word} is not known; see the top of benches/fleet/main.rs"),
            }
        }
        plan
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }

    pub(crate) fn has_postgres(&self) -> bool {
        self.store.as_deref().is_none_or(|store| store == "postgresql")
    }

    pub(crate) fn has_sqlite(&self) -> bool {
        self.store.as_deref().is_none_or(|store| store == "sqlite")
    }

    pub(crate) fn workers(&self) -> Vec<usize> {
        self.workers.map_or_else(|| vec![1, 2], |workers| vec![workers])
    }
}
