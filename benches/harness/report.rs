//! What was measured, as a table for people or as JSON for programs.

use serde_json::{Map, Value, json};

use super::figure::Figure;

/// Conditions and figures.
pub struct Report {
    name: String,
    pub config: Vec<(String, String)>,
    pub figures: Vec<Figure>,
}

impl Report {
    pub fn new(name: &str) -> Report {
        Report { name: name.to_owned(), config: Vec::new(), figures: Vec::new() }
    }

    pub fn print(&self, as_json: bool) {
        if as_json { println!("{:#}", self.json()) } else { print!("{}", self.text()) }
    }

    fn json(&self) -> Value {
        let results: Vec<Value> = self.figures.iter().map(|figure| self.row_json(figure)).collect();
        let config: Map<String, Value> = self.config.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
        json!({ "bench": self.name, "config": config, "results": results })
    }

    fn row_json(&self, figure: &Figure) -> Value {
        let limit = figure.limit(&self.figures);
        let share = figure.share(&limit);
        let verdict = figure.verdict(share);
        json!({
            "name": figure.name,
            "unit": figure.unit.name(),
            "median": figure.median(),
            "spread": figure.spread(),
            "samples": figure.samples,
            "limits": figure.limits,
            "ratio": share,
            "target": verdict.as_ref().map(|(_, words)| words),
            "met": verdict.map(|(met, _)| met),
        })
    }

    fn text(&self) -> String {
        let mut out = format!("CONFIG of the bench {}\n", self.name);
        let width = self.config.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
        for (key, value) in &self.config {
            out += &format!("  {key:<width$}  {value}\n");
        }
        let head = ["", "median", "of", "±", "limit", "of it", "target", ""].map(str::to_owned);
        let rows: Vec<[String; 8]> =
            [head].into_iter().chain(self.figures.iter().map(|f| self.row(f))).collect();
        let widths: [usize; 8] = std::array::from_fn(|column| {
            rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        });
        out += "\nRESULTS\n";
        for row in rows {
            let mut line = format!("  {:<w$}", row[0], w = widths[0]);
            for (cell, width) in row.iter().zip(widths).skip(1) {
                line += &format!("  {cell:>width$}");
            }
            out += line.trim_end();
            out += "\n";
        }
        out
    }

    fn row(&self, figure: &Figure) -> [String; 8] {
        let limit = figure.limit(&self.figures);
        let share = figure.share(&limit);
        let bound = Figure::new("", figure.unit).of(limit);
        let is_bound = !bound.samples.is_empty();
        let (met, target) = figure.verdict(share).unzip();
        [
            figure.name.clone(),
            figure.unit.show(figure.median()),
            figure.samples.len().to_string(),
            if figure.samples.len() > 1 {
                format!("{:.0} %", figure.spread() * 100.0)
            } else {
                String::new()
            },
            if is_bound { figure.unit.show(bound.median()) } else { String::new() },
            share.map_or(String::new(), |share| format!("{share:.2}")),
            target.unwrap_or_default(),
            met.map_or("", |met| if met { "met" } else { "MISSED" }).to_owned(),
        ]
    }
}
