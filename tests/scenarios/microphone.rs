//! A phone without a microphone: the call ends with words that say so, on its side at once.

use std::sync::Arc;

use ringback::audio::{CaptureFrom, ClockedDevices, DeviceError, PlaybackTo};
use ringback::proto::{EndReason, MicrophoneFailure};
use ringback::{Phone, PhoneBuilder};
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended};

fn without_microphone(error: DeviceError) -> impl FnOnce(PhoneBuilder) -> PhoneBuilder {
    let devices = ClockedDevices::new(CaptureFrom::Failing(error), PlaybackTo::Null);
    move |builder| builder.audio_devices(Arc::new(devices))
}

fn is_idle(phone: &Phone) -> bool {
    phone.calls().is_empty()
}

#[test]
fn a_callee_whose_microphone_is_refused_ends_the_call() {
    sim::run(26, |world| async move {
        let stage = Stage::new(&world, "microphone-callee");
        let rider = stage.phone("rider").await;
        let mut driver = stage.device_with("driver", 1, without_microphone(DeviceError::Denied)).await;
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        let ringing = driver.rings().await;
        ringing.accept().await.unwrap();
        assert_eq!(ended(&ringing).await.0, EndReason::Microphone(MicrophoneFailure::Denied));
        ended(&call).await;
        tokio::time::sleep(SECOND).await;
        assert!(is_idle(&rider.phone) && is_idle(&driver.phone));
        stage.end([rider, driver]).await;
    });
}

#[test]
fn a_caller_without_a_microphone_ends_the_call() {
    sim::run(27, |world| async move {
        let stage = Stage::new(&world, "microphone-caller");
        let rider = stage.device_with("rider", 1, without_microphone(DeviceError::NoDevice)).await;
        let mut driver = stage.phone("driver").await;
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        driver.rings().await.accept().await.unwrap();
        assert_eq!(ended(&call).await.0, EndReason::Microphone(MicrophoneFailure::Missing));
        tokio::time::sleep(10 * SECOND).await;
        stage.end([rider, driver]).await;
    });
}
