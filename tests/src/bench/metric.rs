//! A result of a benchmark.

/// A result, printed as one line of JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Ours.
    pub ours: f64,
    /// The stock engine's, in the same run.
    pub peer: Option<f64>,
    /// The unit.
    pub unit: &'static str,
    /// How many measurements.
    pub count: usize,
}

impl Metric {
    /// `{"name":..,"ours":..,"peer":..,"ratio":..,"unit":..,"n":..}`
    pub fn json(&self) -> serde_json::Value {
        let ratio = self.peer.filter(|peer| *peer > 0.0).map(|peer| round(self.ours / peer));
        serde_json::json!({
            "name": self.name,
            "ours": round(self.ours),
            "peer": self.peer.map(round),
            "ratio": ratio,
            "unit": self.unit,
            "n": self.count,
        })
    }
}

/// Three decimals are more than any measurement here is good for.
fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// The value below which `percent` of `values` lie (nearest rank); NaN of nothing.
pub(super) fn percentile(values: &mut [f64], percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 95.0), 95.0);
        assert_eq!(percentile(&mut values, 50.0), 50.0);
        assert_eq!(percentile(&mut [7.0], 95.0), 7.0);
        assert!(percentile(&mut [], 95.0).is_nan());
    }

    #[test]
    fn a_metric_is_one_line_of_json() {
        let metric = Metric { name: "x".to_owned(), ours: 1.0, peer: Some(4.0), unit: "ms", count: 200 };
        let line = metric.json().to_string();
        assert_eq!(metric.json()["ratio"], 0.25);
        assert!(!line.contains('\n'));
    }
}
