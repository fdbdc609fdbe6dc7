//! Diagnoses of phones with little servers on loopback, and the tables of verdicts, codes and texts.

mod phone;
mod tables;
mod turn;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::watch;

use super::*;
use crate::audio::{AudioConfig, AudioEngine, CaptureFrom, ClockMode, ClockedDevices, PlaybackTo};
use crate::media::ice::{IceServer, StaticIceServers};

/// A patient without signaling, with devices that work.
fn patient(servers: Option<Arc<dyn IceServers>>) -> Patient {
    patient_with(CaptureFrom::Silence, PlaybackTo::Null, servers)
}

fn patient_with(
    capture: CaptureFrom,
    playback: PlaybackTo,
    ice_servers: Option<Arc<dyn IceServers>>,
) -> Patient {
    let devices = Arc::new(ClockedDevices::new(capture, playback));
    let config = AudioConfig { clock: ClockMode::Tokio, ..AudioConfig::default() };
    let (audio, _) = AudioEngine::start(devices, config).unwrap();
    Patient {
        audio,
        call_is_up: call_from(std::future::pending()),
        signaling: None,
        health: watch::Sender::new(SignalingHealth::Connecting).subscribe(),
        ice_servers,
        resolver: Arc::new(Names),
    }
}

/// There is a call from then on.
fn call_from(then: impl Future<Output = ()> + Send + 'static) -> CallIsUp {
    let call: BoxFuture<'static, ()> = Box::pin(then);
    call.shared()
}

/// `here.test` is this machine; there is no other name.
struct Names;

impl Resolver for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let known = if host == "here.test" {
            Ok(vec![[127, 0, 0, 1].into()])
        } else {
            Err(io::ErrorKind::NotFound.into())
        };
        Box::pin(std::future::ready(known))
    }
}

fn ice(urls: &[String], username: &str) -> Option<Arc<dyn IceServers>> {
    let server = IceServer { urls: urls.to_vec(), username: username.into(), credential: "password".into() };
    Some(Arc::new(StaticIceServers::new(vec![server]).unwrap()))
}

/// The checks of servers, without the list.
async fn servers(urls: &[String], username: &str, extra_roots: RootCertificates) -> Vec<Check> {
    let options = DiagnoseOptions { open_devices: false, extra_roots };
    let mut checks = diagnose(patient(ice(urls, username)), options).await.checks;
    assert!(matches!(checks[4], Check::IceServers(_)), "{checks:?}");
    checks.split_off(5)
}

/// The check of a single server.
async fn server(url: String) -> Check {
    servers(&[url], "rider", RootCertificates::default()).await.swap_remove(0)
}
