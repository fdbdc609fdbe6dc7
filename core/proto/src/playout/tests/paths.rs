//! How much is lost, made up and delayed on paths of all kinds. The figures are printed.

use super::path::{Dice, Heard, PATH_US, PLAIN, Sent, WITH_COPY, listen, stream};

#[test]
fn a_clean_path_costs_nothing_and_little_delay() {
    let heard = report("clean", listen(stream(60, PLAIN, |sent_us| Some(sent_us + PATH_US)), 60));
    assert_eq!((heard.counters.lost, heard.concealed_ms(), heard.stretched_ms()), (0, 0, 0));
    assert!(heard.mean_delay_ms(1, 60) <= 30, "{}", heard.mean_delay_ms(1, 60));
}

#[test]
fn random_loss_is_concealed_for_as_long_as_what_is_missing() {
    for percent in [5, 10, 20] {
        let heard = report(&format!("loss {percent} %"), listen(lossy(PLAIN, percent, 1.0), 60));
        let lost_ms = u128::from(heard.counters.lost) * 20;
        assert!(heard.concealed_ms() <= lost_ms + 200, "{} of {lost_ms}", heard.concealed_ms());
        assert!(heard.mean_delay_ms(1, 60) <= 40);
    }
}

#[test]
fn copies_restore_what_is_lost_alone() {
    for percent in [5, 10, 20] {
        let heard = report(&format!("loss {percent} %, copies"), listen(lossy(WITH_COPY, percent, 1.0), 60));
        let missing = heard.counters.lost + heard.counters.recovered;
        // Of random losses the share of those whose next packet came is what came.
        let expected = missing * (100 - percent) / 100;
        assert!(heard.counters.recovered * 100 >= expected * 95, "{} of {missing}", heard.counters.recovered);
        assert!(heard.mean_delay_ms(1, 60) <= 60);
    }
}

#[test]
fn bursts_of_loss_are_concealed_without_more_delay() {
    for percent in [10, 20] {
        let heard = report(&format!("bursts of 4, {percent} %"), listen(lossy(WITH_COPY, percent, 4.0), 60));
        let lost_ms = u128::from(heard.counters.lost) * 20;
        assert!(heard.concealed_ms() <= lost_ms + 400);
        assert!(heard.mean_delay_ms(1, 60) <= 70);
    }
}

#[test]
fn jitter_is_absorbed_by_about_its_own_delay() {
    for (most_ms, concealed_percent) in [(20, 2), (50, 3), (100, 4)] {
        let mut dice = Dice(7);
        let sent =
            stream(120, PLAIN, |sent_us| Some(sent_us + PATH_US + dice.between_us(0, most_ms * 1_000)));
        let heard = report(&format!("jitter 0-{most_ms} ms"), listen(sent, 120));
        assert!(heard.concealed_ms() * 100 <= 120_000 * concealed_percent, "{}", heard.concealed_ms());
        assert!(heard.mean_delay_ms(5, 120) <= most_ms + 35, "{}", heard.mean_delay_ms(5, 120));
    }
}

#[test]
fn a_longer_path_costs_a_gap_and_no_lasting_delay() {
    let step = |sent_us: i64| Some(sent_us + PATH_US + if sent_us < 20_000_000 { 0 } else { 100_000 });
    let heard = report("100 ms longer after 20 s", listen(stream(60, PLAIN, step), 60));
    assert_eq!(heard.counters.lost, 0);
    assert!(heard.concealed_ms() <= 160, "{}", heard.concealed_ms());
    assert!(heard.mean_delay_ms(35, 60) <= 40, "{}", heard.mean_delay_ms(35, 60));
}

#[test]
fn a_shorter_path_is_followed_within_seconds() {
    let step = |sent_us: i64| Some(sent_us + PATH_US + if sent_us < 20_000_000 { 100_000 } else { 0 });
    let heard = report("100 ms shorter after 20 s", listen(stream(60, PLAIN, step), 60));
    assert_eq!((heard.counters.lost, heard.concealed_ms()), (0, 0));
    assert!(heard.mean_delay_ms(23, 60) <= 40, "{}", heard.mean_delay_ms(23, 60));
}

#[test]
fn the_drift_of_two_clocks_is_absorbed_for_ten_minutes() {
    for ppm in [-200, 200] {
        let drift = |sent_us: i64| Some(sent_us + sent_us * ppm / 1_000_000 + PATH_US);
        let heard = report(&format!("drift {ppm} ppm"), listen(stream(600, PLAIN, drift), 600));
        // 200 ppm are 120 ms in ten minutes.
        assert!(heard.concealed_ms() <= 150, "{}", heard.concealed_ms());
        assert!(heard.mean_delay_ms(500, 600) <= 40, "{}", heard.mean_delay_ms(500, 600));
        assert!(heard.stretched_ms() <= 300, "{}", heard.stretched_ms());
    }
}

#[test]
fn rare_peaks_hold_the_delay_up() {
    // Every 5 s a stall of 200 ms, which the percentile has forgotten when the next comes.
    let stall = |sent_us: i64| {
        let phase_us = sent_us % 5_000_000;
        Some(sent_us - phase_us + PATH_US + phase_us.max(200_000))
    };
    let heard = report("stalls of 200 ms every 5 s", listen(stream(60, PLAIN, stall), 60));
    assert!(heard.mean_delay_ms(10, 60) >= 180, "{}", heard.mean_delay_ms(10, 60));
    assert!(heard.concealed_ms() <= 600, "{}", heard.concealed_ms());
}

#[test]
fn a_stall_of_a_second_ends_with_a_bounded_delay() {
    let stall = |sent_us: i64| {
        let stalled = (20_000_000..21_000_000).contains(&sent_us);
        Some(if stalled { 21_000_000 } else { sent_us } + PATH_US)
    };
    let heard = report("a stall of 1 s", listen(stream(60, PLAIN, stall), 60));
    assert!(heard.delays_ms.iter().all(|(_, delay_ms)| *delay_ms <= 440));
    assert!(heard.mean_delay_ms(35, 60) <= 40, "{}", heard.mean_delay_ms(35, 60));
    assert!(heard.concealed_ms() <= 1_100, "{}", heard.concealed_ms());
}

fn lossy(payload: &[u8], percent: u64, burst: f64) -> Vec<Sent> {
    let mut dice = Dice(percent + 1);
    let loss = percent as f64 / 100.0;
    let mut bad = false;
    stream(60, payload, |sent_us| {
        // Gilbert: the mean burst and the mean loss set both probabilities.
        let leave = 1.0 / burst;
        let enter = if burst > 1.0 { leave * loss / (1.0 - loss) } else { loss };
        bad = if bad && burst > 1.0 { dice.roll() >= leave } else { dice.roll() < enter };
        (!bad).then_some(sent_us + PATH_US)
    })
}

fn report(what: &str, heard: Heard) -> Heard {
    let counters = heard.counters;
    println!(
        "{what}: lost {} late {} recovered {} skipped {} concealed {} ms in {}, accelerated {} ms, expanded {} ms, mean \
         delay {} ms, target {} ms",
        counters.lost,
        counters.late,
        counters.recovered,
        counters.skipped,
        heard.concealed_ms(),
        counters.concealments,
        counters.accelerated.as_millis(),
        counters.expanded.as_millis(),
        heard.mean_delay_ms(5, 600),
        counters.target.as_millis(),
    );
    heard
}
