//! The program: run with these arguments, what does it say, and how does it end?

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::client::within;

/// A run that ends by itself.
pub(crate) async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    within(command(arguments, environment).output()).await.unwrap()
}

/// A server that runs, and the URL that it prints.
pub(crate) async fn serve(arguments: &[&str]) -> (Child, String) {
    let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
    let mut child = command(&arguments, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = within(lines.next_line()).await.unwrap().expect("it says nothing");
    let url = first.strip_prefix("listening on ").expect("it does not say where it listens").to_owned();
    // Read on, so that it never waits for us.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, url)
}

fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringback-server"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RINGBACK_")) {
        command.env_remove(name);
    }
    command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringback-stack-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        text(&path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_port_in_use_is_named_with_a_way_out() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = run(&["--listen", &addr], &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let why = err(&output);
    assert!(why.contains(&format!("cannot listen on {addr}: another program uses this port")), "{why}");
    assert!(why.contains("--listen 127.0.0.1:PORT (port 0 takes a free one)"), "{why}");
}

#[tokio::test]
async fn a_port_of_turn_in_use_is_named_with_its_own_way_out() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = taken.local_addr().unwrap();
    let (listen, port) = (addr.to_string(), addr.port().to_string());
    for (flags, why) in [
        (
            &["--turn-listen", &listen][..],
            format!(
                "cannot listen on {addr} for TURN: another program uses this port; choose another address with \
                 --turn-listen ADDR:PORT, or --turn=false"
            ),
        ),
        (
            &["--tls-self-signed", "--turn-tls-port", &port],
            format!(
                "cannot listen on {addr} for TURN over TLS: another program uses this port; choose another port with \
                 --turn-tls-port PORT (0 takes a free one)"
            ),
        ),
    ] {
        let output = run(&[&["--listen", "127.0.0.1:0"], flags].concat(), &[]).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains(&why), "{}", err(&output));
    }
}

#[tokio::test]
async fn turn_settings_that_cannot_work_are_found_by_the_check() {
    for relay in ["192.0.2.1/::1", "0.0.0.0"] {
        for more in [&[][..], &["--check"]] {
            let flags = ["--listen", "127.0.0.1:0", "--turn-relay", relay];
            let output = run(&[&flags, more].concat(), &[]).await;
            assert_eq!(output.status.code(), Some(1), "{relay} {more:?}");
            assert!(err(&output).contains("cannot start TURN: the "), "{}", err(&output));
        }
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_match_is_named() {
    let folder = Folder::new("mismatch");
    let [one, two] = [(); 2].map(|()| rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap());
    let cert = folder.file("one.pem", &one.cert.pem());
    let key = folder.file("two.key", &two.signing_key.serialize_pem());
    let flags = ["--listen", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key];
    for more in [&[][..], &["--check"]] {
        let output = run(&[&flags, more].concat(), &[]).await;
        assert_eq!(output.status.code(), Some(1));
        let why = err(&output);
        assert!(why.contains(&format!("the key {key} does not belong to the certificate {cert}")), "{why}");
    }
}

#[tokio::test]
async fn a_certificate_file_that_is_not_there_is_named() {
    let output = run(&["--tls-cert", "/nowhere/cert.pem", "--tls-key", "/nowhere/key.pem"], &[]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("cannot read /nowhere/cert.pem: No such file"), "{}", err(&output));
}

#[tokio::test]
async fn half_of_a_pair_of_settings_is_refused() {
    for (flags, why) in [
        (&["--tls-cert", "a.pem"][..], "--tls-cert needs its private key"),
        (&["--tls-key", "a.pem"], "--tls-key needs its certificate"),
        (&["--tls-cert", "a", "--tls-key", "b", "--tls-self-signed"], "choose"),
    ] {
        let output = run(flags, &[]).await;
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(err(&output).contains(why), "{}", err(&output));
    }
}
