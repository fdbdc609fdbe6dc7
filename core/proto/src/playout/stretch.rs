//! Time-stretching: takes one pitch period out of a frame of speech, or puts one in, without changing the pitch.
//!
//! A lag at which the sound resembles itself is looked for by normalised correlation; the two places are then joined by
//! a cross-fade of 5 ms. Quiet sound may be joined anywhere. Samples are 48 kHz mono.

/// What counts as resembling, and as quiet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demands {
    /// The least normalised correlation, -1 to 1.
    pub(super) likeness: f32,
    /// The mean square below which nothing is demanded.
    pub(super) quiet: f32,
}

/// Takes 2.5 to 15 ms, at most `most` samples, out of `frame`. Returns how many; 0 if no lag is good enough.
///
/// `history` is what was played right before.
pub(super) fn accelerate(history: &[f32], frame: &mut Vec<f32>, most: usize, demands: Demands) -> usize {
    let longest = most.min(MAX_LAG).min(frame.len().saturating_sub(FADE));
    let context = history.len().min(CONTEXT);
    let signal: Vec<f32> = history[history.len() - context..].iter().chain(frame.iter()).copied().collect();
    // The early window ends where the fade ends; the late one is a lag further.
    let Some(lag) = find_lag(&signal, context + FADE, longest, demands) else {
        return 0;
    };
    for at in 0..FADE {
        let gain = (at as f32 + 0.5) / FADE as f32;
        frame[lag + at] = frame[at] * (1.0 - gain) + frame[lag + at] * gain;
    }
    frame.drain(..lag);
    lag
}

/// Puts 2.5 to 15 ms, at most `most` samples, into `frame`. Returns how many; 0 if no lag is good enough.
pub(super) fn expand(history: &[f32], frame: &mut Vec<f32>, most: usize, demands: Demands) -> usize {
    let Some(joint) = frame.len().checked_sub(FADE) else {
        return 0;
    };
    let context = history.len().min(MAX_LAG + CONTEXT);
    let signal: Vec<f32> = history[history.len() - context..].iter().chain(frame.iter()).copied().collect();
    let joint = context + joint;
    let longest = most.min(MAX_LAG).min(joint);
    // The late window ends with the frame; the early one is a lag before.
    let Some(lag) = find_lag_back(&signal, joint, longest, demands) else {
        return 0;
    };
    frame.truncate(joint - context);
    for at in 0..FADE {
        let gain = (at as f32 + 0.5) / FADE as f32;
        frame.push(signal[joint + at] * (1.0 - gain) + signal[joint - lag + at] * gain);
    }
    frame.extend_from_slice(&signal[joint - lag + FADE..]);
    lag
}

/// The lag at which `signal[..to]` resembles what is that much later.
fn find_lag(signal: &[f32], to: usize, longest: usize, demands: Demands) -> Option<usize> {
    best(longest, demands, |lag| {
        let late_end = (to + lag).min(signal.len());
        (&signal[..late_end - lag], &signal[lag..late_end])
    })
}

/// The lag at which what lies around `joint` resembles what was that much earlier.
fn find_lag_back(signal: &[f32], joint: usize, longest: usize, demands: Demands) -> Option<usize> {
    let end = joint + FADE;
    best(longest, demands, |lag| {
        let from = joint.saturating_sub(CONTEXT).max(lag);
        (&signal[from - lag..end - lag], &signal[from..end])
    })
}

fn best<'a>(
    longest: usize,
    demands: Demands,
    windows: impl Fn(usize) -> (&'a [f32], &'a [f32]),
) -> Option<usize> {
    if longest < MIN_LAG {
        return None;
    }
    let likeness = |lag: usize| {
        let (early, late) = windows(lag);
        likeness(early, late)
    };
    if mean_square(windows(longest)) <= demands.quiet {
        return Some(longest);
    }
    let by_likeness = |one: &(usize, f32), other: &(usize, f32)| one.1.total_cmp(&other.1);
    let coarse = (MIN_LAG..=longest).step_by(COARSE).map(|lag| (lag, likeness(lag))).max_by(by_likeness)?;
    let around = coarse.0.saturating_sub(COARSE - 1).max(MIN_LAG)..=(coarse.0 + COARSE - 1).min(longest);
    let (lag, found) = around.map(|lag| (lag, likeness(lag))).max_by(by_likeness)?;
    (found >= demands.likeness).then_some(lag)
}

/// Normalised correlation, -1 to 1.
fn likeness(early: &[f32], late: &[f32]) -> f32 {
    let (mut product, mut early_energy, mut late_energy) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (a, b) in early.iter().zip(late) {
        product += a * b;
        early_energy += a * a;
        late_energy += b * b;
    }
    let energy = (early_energy * late_energy).sqrt();
    if energy.is_finite() && energy > 0.0 { product / energy } else { 0.0 }
}

fn mean_square((early, late): (&[f32], &[f32])) -> f32 {
    let energy: f32 = early.iter().chain(late).map(|sample| sample * sample).sum();
    energy / (early.len() + late.len()).max(1) as f32
}

/// 2.5 ms: the pitch of a child, 400 Hz.
const MIN_LAG: usize = 120;
/// 15 ms: the pitch of a low voice, 67 Hz.
const MAX_LAG: usize = 720;
/// 5 ms.
const FADE: usize = 240;
/// 10 ms of what was played takes part in the comparison.
const CONTEXT: usize = 480;
/// Lags are compared every 83 us first: a twentieth of a period at 600 Hz.
const COARSE: usize = 4;

/// What [`accelerate`] and [`expand`] want to know of what was played.
pub(super) const HISTORY: usize = MAX_LAG + CONTEXT;
