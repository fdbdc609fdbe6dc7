//! Two phones in one process call each other: no server, no sound card.
#![expect(clippy::print_stdout, reason = "it is a program for the terminal")]

use std::sync::Arc;

use ringback::audio::{CaptureFrom, ClockedDevices, PlaybackTo};
use ringback::proto::DeviceId;
use ringback::proto::call::CallState;
use ringback::signaling::memory::MemoryHub;
use ringback::{EventKind, Phone};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hub = MemoryHub::new(1);
    let rider = phone(&hub, "rider", 1).await?;
    let driver = phone(&hub, "driver", 2).await?;

    let call = rider.call("driver").await?;
    driver.incoming().next().await.ok_or("the driver's phone closed")?.accept().await?;

    let mut events = call.events();
    while let Some(ringback::Event::Call(event)) = events.next().await {
        println!("{:?}", event.kind);
        if let EventKind::FirstSound = event.kind {
            call.hang_up();
        }
        if let EventKind::State(CallState::Ended(_)) = event.kind {
            break;
        }
    }
    Ok(())
}

async fn phone(hub: &MemoryHub, user: &str, number: u8) -> Result<Phone, ringback::StartError> {
    let device = DeviceId::from_random([number; 16]);
    let tone = CaptureFrom::Tone { frequency_hz: 440.0, level_dbfs: -20.0 };
    Phone::builder(Arc::new(hub.join(user.parse()?, device)))
        .user(user)
        .device(device)
        .audio_devices(Arc::new(ClockedDevices::new(tone, PlaybackTo::Null)))
        .local_demo(true)
        .start()
        .await
}
