//! What is said into one phone's microphone comes out of the other's speaker.

use crate::stage::{Stage, expect_chirp, expect_tone, run, say_chirps, say_tone, sound_server};

#[test]
fn a_tone_goes_through_a_call() {
    run("sound::a_tone_goes_through_a_call", async {
        let server = sound_server();
        let stage = Stage::in_call().await;
        let ear = server.record("ear.monitor");
        let _tone = say_tone(&server, "rider_mouth");
        expect_tone(&ear);
        stage.hang_up().await;
    });
}

#[test]
fn a_chirp_goes_through_a_call() {
    run("sound::a_chirp_goes_through_a_call", async {
        let server = sound_server();
        let stage = Stage::in_call().await;
        let ear = server.record("ear.monitor");
        let _chirps = say_chirps(&server, "rider_mouth");
        expect_chirp(&ear);
        stage.hang_up().await;
    });
}

#[test]
fn both_are_heard_while_both_speak() {
    run("sound::both_are_heard_while_both_speak", async {
        let server = sound_server();
        let stage = Stage::in_call().await;
        let driver_ear = server.record("ear.monitor");
        let rider_ear = server.record("rider_ear.monitor");
        let _tone = say_tone(&server, "driver_mouth");
        let _chirps = say_chirps(&server, "rider_mouth");
        expect_tone(&rider_ear);
        expect_chirp(&driver_ear);
        stage.hang_up().await;
    });
}
