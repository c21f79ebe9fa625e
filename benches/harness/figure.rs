//! One row of a table: samples of a figure, what it is held against, and what it should be.

use std::fmt::Write;

/// What a figure counts, and so which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// So many of these a second: more is better.
    PerSecond(&'static str),
    /// Seconds: fewer are better.
    Seconds,
    /// Bytes: fewer are better.
    Bytes,
    /// So many of these: fewer are better.
    Count(&'static str),
}

impl Unit {
    /// Whether more is better.
    pub fn is_rate(self) -> bool {
        matches!(self, Unit::PerSecond(_))
    }

    /// Its name, for programs.
    pub fn name(self) -> String {
        match self {
            Unit::PerSecond(what) => format!("{what}/s"),
            Unit::Seconds => "s".to_owned(),
            Unit::Bytes => "bytes".to_owned(),
            Unit::Count(what) => what.to_owned(),
        }
    }

    /// `value` of it, for people.
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Seconds => {
                let (scale, name) = match value {
                    v if v < 1e-6 => (1e9, "ns"),
                    v if v < 1e-3 => (1e6, "µs"),
                    v if v < 1.0 => (1e3, "ms"),
                    _ => (1.0, "s"),
                };
                format!("{} {name}", digits(value * scale))
            }
            unit => {
                let (scale, prefix) = match value.abs() {
                    v if v >= 1e10 => (1e9, "G"),
                    v if v >= 1e7 => (1e6, "M"),
                    v if v >= 1e4 => (1e3, "k"),
                    _ => (1.0, ""),
                };
                format!("{} {prefix}{}", digits(value / scale), unit.name())
            }
        }
    }
}

/// Three digits or more of a number.
fn digits(value: f64) -> String {
    let places = match value.abs() {
        v if v >= 100.0 || v == 0.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.places$}")
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// At least or at most this, whichever is the harder way.
    Value(f64),
    /// At least this share of its limit; at most, where fewer are better.
    Share(f64),
}

/// Samples of one figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// `module::operation/key=value`.
    pub name: String,
    /// What the samples count.
    pub unit: Unit,
    /// One for each round.
    pub samples: Vec<f64>,
    /// Figures that bound it, by name: of several, the one that bounds it most.
    pub limits: Vec<String>,
    target: Option<Target>,
}

impl Figure {
    /// A figure without samples, limit or target.
    pub fn new(name: impl Into<String>, unit: Unit) -> Figure {
        Figure { name: name.into(), unit, samples: Vec::new(), limits: Vec::new(), target: None }
    }

    /// With these samples.
    pub fn of(self, samples: impl IntoIterator<Item = f64>) -> Figure {
        Figure { samples: samples.into_iter().collect(), ..self }
    }

    /// Held against the figure `limit` of the same unit and the same rounds.
    pub fn beside(mut self, limit: impl Into<String>) -> Figure {
        self.limits.push(limit.into());
        self
    }

    /// It should reach `value`, or stay below it where fewer are better.
    pub fn target(self, value: f64) -> Figure {
        Figure { target: Some(Target::Value(value)), ..self }
    }

    /// It should reach this share of its limit, or stay below it where fewer are better.
    pub fn target_share(self, share: f64) -> Figure {
        Figure { target: Some(Target::Share(share)), ..self }
    }

    /// The middle one of its samples.
    pub fn median(&self) -> f64 {
        quantile(&self.samples, 0.5)
    }

    /// Half of what lies between the quartiles, as a share of the median.
    pub fn spread(&self) -> f64 {
        (quantile(&self.samples, 0.75) - quantile(&self.samples, 0.25)) / 2.0 / self.median()
    }

    /// Its limit in each round, of what `all` have.
    pub fn limit(&self, all: &[Figure]) -> Vec<f64> {
        let limits: Vec<&Figure> = all.iter().filter(|figure| self.limits.contains(&figure.name)).collect();
        let rounds = limits.iter().map(|limit| limit.samples.len()).min().unwrap_or(0);
        let bound = |round: usize| {
            let samples = limits.iter().map(|limit| limit.samples[round]);
            samples.reduce(if self.unit.is_rate() { f64::min } else { f64::max })
        };
        (0..rounds).filter_map(bound).collect()
    }

    /// Its share of that limit: the middle one of the rounds'.
    pub fn share(&self, limit: &[f64]) -> Option<f64> {
        let shares: Vec<f64> = self.samples.iter().zip(limit).map(|(sample, limit)| sample / limit).collect();
        (!shares.is_empty()).then(|| quantile(&shares, 0.5))
    }

    /// Whether it is what it should be, if that was said, and that in words.
    pub fn verdict(&self, share: Option<f64>) -> Option<(bool, String)> {
        let is_rate = self.unit.is_rate();
        let holds = |is: f64, ought: f64| if is_rate { is >= ought } else { is <= ought };
        let mut words = String::from(if is_rate { "≥ " } else { "≤ " });
        let met = match self.target? {
            Target::Value(value) => {
                words.push_str(&self.unit.show(value));
                holds(self.median(), value)
            }
            Target::Share(ought) => {
                let _ = write!(words, "{ought:.2} of it");
                holds(share?, ought)
            }
        };
        Some((met, words))
    }
}

/// The value below which this share of `samples` lies; between two of them, where it falls between.
pub fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * sorted.len().saturating_sub(1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(low), sorted.get(high)) {
        (Some(a), Some(b)) => a + (b - a) * (place - low as f64),
        _ => f64::NAN,
    }
}
