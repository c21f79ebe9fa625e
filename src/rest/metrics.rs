//! The text format of Prometheus.
//!
//! Written by hand: all of it is read from a snapshot when somebody asks, so a library of registries and
//! counters would be more code than these lines, and its counters would cost when nobody asks. Names and
//! labels are ours and closed, so nothing has to be escaped but the version.

use core::fmt::{Display, Write};

/// As Prometheus asks for it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics as they are written down.
pub struct Page {
    /// What every name begins with.
    program: &'static str,
    text: String,
}

impl Page {
    /// An empty page of `program`'s.
    pub fn of(program: &'static str) -> Page {
        Page { program, text: String::new() }
    }

    /// A metric and its samples: labels as they stand in the braces, or nothing, and the value.
    pub fn metric<V: Display>(&mut self, name: &str, kind: &str, help: &str, samples: &[(String, V)]) {
        let Page { program, text } = self;
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {program}_{name} {help}\n# TYPE {program}_{name} {kind}");
        for (labels, value) in samples {
            let _ = match labels.as_str() {
                "" => writeln!(text, "{program}_{name} {value}"),
                labels => writeln!(text, "{program}_{name}{{{labels}}} {value}"),
            };
        }
    }

    /// A value that goes up and down.
    pub fn gauge<V: Display>(&mut self, name: &str, help: &str, value: V) {
        self.metric(name, "gauge", help, &[(String::new(), value)]);
    }

    /// One that only grows.
    pub fn counter<V: Display>(&mut self, name: &str, help: &str, value: V) {
        self.metric(name, "counter", help, &[(String::new(), value)]);
    }

    /// All of it.
    pub fn text(self) -> String {
        self.text
    }
}

/// A label, as it stands in the braces.
pub fn label(name: &str, value: impl Display) -> String {
    format!("{name}=\"{value}\"")
}

/// Samples, each under its own value of the label `name`.
pub fn labelled<L: Display, V>(name: &str, values: impl IntoIterator<Item = (L, V)>) -> Vec<(String, V)> {
    values.into_iter().map(|(value, sample)| (label(name, value), sample)).collect()
}
