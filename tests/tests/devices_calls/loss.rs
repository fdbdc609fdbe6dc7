//! A call outlives its devices: a sink that is removed, a sound server that is killed.

use ringback::Event;
use ringback::audio::DeviceKind;

use crate::stage::{Stage, expect_tone, in_use, next, run, say_tone, sound_server};

#[test]
fn a_call_goes_on_over_another_sink_when_its_own_is_removed() {
    run("loss::a_call_goes_on_over_another_sink_when_its_own_is_removed", async {
        let server = sound_server();
        let mut stage = Stage::in_call().await;
        let [ear, spare] = ["ear.monitor", "spare.monitor"].map(|source| server.record(source));
        let _tone = say_tone(&server, "rider_mouth");
        expect_tone(&ear);
        server.remove_sink("ear");
        // With the ear gone, any of the others may be the default.
        server.pactl(&["set-default-sink", "spare"]).unwrap();
        in_use(&mut stage.driver.events, [DeviceKind::Playback]).await;
        expect_tone(&spare);
        stage.assert_active();
        stage.hang_up().await;
    });
}

#[test]
fn a_call_outlives_a_sound_server_that_is_killed_and_restarted() {
    run("loss::a_call_outlives_a_sound_server_that_is_killed_and_restarted", async {
        let server = sound_server();
        let mut stage = Stage::in_call().await;
        let ear = server.record("ear.monitor");
        let tone = say_tone(&server, "rider_mouth");
        expect_tone(&ear);
        server.kill();
        drop((tone, ear));
        for side in [&mut stage.rider, &mut stage.driver] {
            let lost = |event: &Event| matches!(event, Event::DeviceInUse { name: None, .. });
            next(&mut side.events, lost).await;
            next(&mut side.events, lost).await;
        }
        stage.assert_active();

        let server = sound_server();
        for side in [&mut stage.rider, &mut stage.driver] {
            in_use(&mut side.events, [DeviceKind::Capture, DeviceKind::Playback]).await;
        }
        let ear = server.record("ear.monitor");
        let _tone = say_tone(&server, "rider_mouth");
        expect_tone(&ear);
        stage.assert_active();
        stage.hang_up().await;
    });
}
