//! Against a small server on loopback that says what it is told to say.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::media::ice::IceUrlError;
use crate::signaling::{StaticToken, UserToken};

const GOOD: &str = r#"{"iceServers":[{"urls":"stun:h:1"},
    {"urls":["turn:h:1?transport=udp","turns:h:2?transport=tcp"],"username":"9:u","credential":"c","more":1}],
    "expires_in":3600,"more":{}}"#;

/// Answers one connection after the other with these texts, and gives back what it was asked.
async fn server(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/functions/v1/turn-credentials", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n{}") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "a whole request");
            }
            asked.push(String::from_utf8(request).unwrap());
            // The client may close before it has read everything.
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        asked
    });
    (url, task)
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn source(url: &str) -> HttpIceServers {
    HttpIceServers::new(url, "key", Arc::new(StaticToken::new("jwt"))).unwrap()
}

async fn fetched(answers: Vec<String>) -> Result<IceServerList, IceServersError> {
    let (url, _server) = server(answers).await;
    source(&url).fetch().await
}

/// Gives a numbered token at every call and notes why it was asked for.
#[derive(Default)]
struct Counted {
    whys: Mutex<Vec<TokenWhy>>,
}

impl Token for Counted {
    fn token(&self, why: TokenWhy) -> BoxFuture<'_, TokenAnswer> {
        let mut whys = self.whys.lock().unwrap();
        whys.push(why);
        let secret = format!("jwt{}", whys.len());
        Box::pin(async { TokenAnswer::Token(UserToken { secret, expires_in: Duration::from_secs(60) }) })
    }
}

struct Never(TokenAnswer);

impl Token for Never {
    fn token(&self, _why: TokenWhy) -> BoxFuture<'_, TokenAnswer> {
        Box::pin(std::future::ready(self.0.clone()))
    }
}

#[tokio::test]
async fn servers_and_their_life_are_read() {
    let (url, server) = server(vec![answer("200 OK", GOOD)]).await;
    let list = source(&url).fetch().await.unwrap();
    assert_eq!(list.expires_in, Some(Duration::from_secs(3600)));
    assert_eq!(list.servers[0].urls, ["stun:h:1"]);
    assert_eq!(list.servers[1].urls.len(), 2);
    assert_eq!((list.servers[1].username.as_str(), list.servers[1].credential.as_str()), ("9:u", "c"));
    let asked = server.await.unwrap().remove(0).to_lowercase();
    assert!(asked.starts_with("post /functions/v1/turn-credentials http/1.1\r\n"), "{asked}");
    assert!(
        asked.contains("\r\napikey: key\r\n") && asked.contains("\r\nauthorization: bearer jwt\r\n"),
        "{asked}"
    );
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let (url, server) = server(vec![answer("401 Unauthorized", "{}"), answer("200 OK", GOOD)]).await;
    let token = Arc::new(Counted::default());
    let list = HttpIceServers::new(&url, "key", token.clone()).unwrap().fetch().await.unwrap();
    assert_eq!(list.servers.len(), 2);
    assert_eq!(*token.whys.lock().unwrap(), [TokenWhy::First, TokenWhy::Refused]);
    assert!(server.await.unwrap()[1].contains("Bearer jwt2"));
}

#[tokio::test]
async fn refusals_have_their_reasons() {
    for (answers, error) in [
        (vec!["401 Unauthorized", "401 Unauthorized"], IceServersError::Refused),
        (vec!["403 Forbidden"], IceServersError::Refused),
        (vec!["404 Not Found"], IceServersError::Refused),
        (vec!["429 Too Many Requests"], IceServersError::Unreachable),
        (vec!["503 Service Unavailable"], IceServersError::Unreachable),
        (vec!["302 Found"], IceServersError::Malformed),
    ] {
        let told = answers.iter().map(|status| answer(status, "")).collect();
        assert_eq!(fetched(told).await, Err(error), "{answers:?}");
    }
}

#[tokio::test]
async fn answers_that_are_no_servers_are_refused_whole() {
    let too_many = format!(r#"{{"iceServers":[{}]}}"#, [r#"{"urls":"stun:h"}"#; 17].join(","));
    for body in [
        "",
        "[]",
        "{}",
        "null",
        "<html>",
        r#"{"iceServers":{}}"#,
        r#"{"iceServers":[{}]}"#,
        r#"{"iceServers":[{"urls":7}]}"#,
        r#"{"iceServers":[],"expires_in":-1}"#,
        r#"{"iceServers":[],"expires_in":"soon"}"#,
        too_many.as_str(),
    ] {
        assert_eq!(fetched(vec![answer("200 OK", body)]).await, Err(IceServersError::Malformed), "{body}");
    }
    let url = r#"{"iceServers":[{"urls":"http://h"}]}"#;
    let wrong = IceServersError::Url { index: 0, error: IceUrlError::Scheme };
    assert_eq!(fetched(vec![answer("200 OK", url)]).await, Err(wrong));
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let body = format!(r#"{{"iceServers":[],"more":"{}"}}"#, "x".repeat(MOST_BYTES));
    assert_eq!(fetched(vec![answer("200 OK", &body)]).await, Err(IceServersError::Malformed));
}

#[tokio::test]
async fn answers_that_break_off_are_the_networks_fault() {
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{GOOD}");
    assert_eq!(fetched(vec![cut]).await, Err(IceServersError::Unreachable));
    assert_eq!(fetched(vec!["nonsense\r\n\r\n".to_owned()]).await, Err(IceServersError::Unreachable));
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    // Nobody listens at port 1, and no test is given it.
    let fetched = source("http://127.0.0.1:1/").fetch().await;
    assert_eq!(fetched, Err(IceServersError::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_never_comes_is_not_waited_for() {
    struct Silent;
    impl Token for Silent {
        fn token(&self, _why: TokenWhy) -> BoxFuture<'_, TokenAnswer> {
            Box::pin(std::future::pending())
        }
    }
    let source = HttpIceServers::new("http://127.0.0.1:9/", "key", Arc::new(Silent)).unwrap();
    assert_eq!(source.fetch().await, Err(IceServersError::Unreachable));
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    for (token, error) in [
        (TokenAnswer::SignedOut, IceServersError::SignedOut),
        (TokenAnswer::Retry, IceServersError::Unreachable),
    ] {
        let source = HttpIceServers::new("http://127.0.0.1:9/", "key", Arc::new(Never(token))).unwrap();
        assert_eq!(source.fetch().await, Err(error));
    }
}

#[tokio::test]
async fn no_connection_is_left_behind() {
    let (url, server) = server(vec![answer("200 OK", GOOD)]).await;
    let source = source(&url);
    source.fetch().await.unwrap();
    drop(source);
    server.await.unwrap();
    // The connection's task ends when it sees that nobody will ask again.
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_list_that_does_not_say_how_long_it_holds_does_not_hold_for_ever() {
    let list = list(br#"{"iceServers":[]}"#).unwrap();
    assert_eq!(list.expires_in, Some(UNSTATED_LIFE));
}

#[test]
fn a_life_beyond_any_clock_is_cut() {
    let json = format!(r#"{{"iceServers":[],"expires_in":{}}}"#, u64::MAX);
    assert_eq!(list(json.as_bytes()).unwrap().expires_in, Some(LONGEST_LIFE));
}

#[test]
fn urls_that_would_give_the_token_away_are_refused() {
    let new = |url| HttpIceServers::new(url, "key", Arc::new(StaticToken::new("t"))).map(drop);
    assert_eq!(new("http://example.org/x"), Err(HttpIceServersError::Insecure));
    for wrong in ["", "example.org", "ftp://example.org", "https://"] {
        assert_eq!(new(wrong), Err(HttpIceServersError::Url), "{wrong}");
    }
    let key = HttpIceServers::new("https://example.org/x", "a\nb", Arc::new(StaticToken::new("t")));
    assert_eq!(key.map(drop), Err(HttpIceServersError::Key));
    assert!(new("https://example.org/x").is_ok());
}
