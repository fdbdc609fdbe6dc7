//! Texts about STUN and TURN servers.

use std::time::Duration;

use super::{Texts, fixed, ms, span};
use crate::diagnose::finding::{SHORT_LIFE, SLOW_LIST};
use crate::diagnose::{
    IceServersFinding, MappingFinding, RelayFinding, StunFinding, TurnFinding, TurnTransport,
};
use crate::media::ice::IceServersError;
use crate::net::failure::{ServerFailure, TlsFailure};

pub(super) fn list(finding: &IceServersFinding) -> Texts {
    match finding {
        IceServersFinding::NotSet => fixed(
            "No STUN or TURN server is set up. Calls connect on one network only: add a TURN server.",
            "Aucun serveur STUN ou TURN n’est configuré. Les appels n’aboutissent que sur un même réseau\u{a0}: ajoutez \
             un serveur TURN.",
        ),
        IceServersFinding::Listed { stun, turn: 0, .. } => (
            format!("STUN: {stun}, TURN: none. Calls without a direct path will fail: add a TURN server."),
            format!(
                "STUN\u{a0}: {stun}, TURN\u{a0}: aucun. Les appels sans chemin direct échoueront\u{a0}: ajoutez un \
                 serveur TURN."
            ),
        ),
        IceServersFinding::Listed { stun, turn, expires_in, took } => {
            let (english, french) = quality(*expires_in, *took);
            (
                format!("STUN: {stun}, TURN: {turn}. {english}"),
                format!("STUN\u{a0}: {stun}, TURN\u{a0}: {turn}. {french}"),
            )
        }
        IceServersFinding::Failed(IceServersError::Unreachable) => fixed(
            "The source of STUN and TURN servers cannot be reached. Check its URL and whether it runs.",
            "La source des serveurs STUN et TURN est injoignable. Vérifiez son URL et qu’elle fonctionne.",
        ),
        IceServersFinding::Failed(IceServersError::Refused) => fixed(
            "The source of STUN and TURN servers refuses to answer, or is not at this URL. Check the URL, and that the \
             user is signed in.",
            "La source des serveurs STUN et TURN refuse de répondre, ou n’est pas à cette URL. Vérifiez l’URL, et que \
             l’utilisateur est connecté.",
        ),
        IceServersFinding::Failed(IceServersError::SignedOut) => fixed(
            "Nobody is signed in, so there are no STUN and TURN servers. Sign in.",
            "Personne n’est connecté\u{a0}: il n’y a donc pas de serveurs STUN et TURN. Connectez-vous.",
        ),
        IceServersFinding::Failed(IceServersError::Malformed) => fixed(
            "The source of STUN and TURN servers answers with something else than a list of servers. Check its URL.",
            "La source des serveurs STUN et TURN répond autre chose qu’une liste de serveurs. Vérifiez son URL.",
        ),
        IceServersFinding::Failed(IceServersError::Url { index, error }) => {
            let number = index + 1;
            (
                format!("Entry {number} of the list of servers is wrong: {error}. Correct it."),
                format!(
                    "L’entrée {number} de la liste des serveurs est incorrecte. Corrigez son URL ou ses identifiants."
                ),
            )
        }
        IceServersFinding::Silent => fixed(
            "The source of STUN and TURN servers does not answer. Check the network and the source.",
            "La source des serveurs STUN et TURN ne répond pas. Vérifiez le réseau et la source.",
        ),
    }
}

/// The worst that is to be said of a list, as its verdict is found.
fn quality(expires_in: Option<Duration>, took: Duration) -> Texts {
    if let Some(left) = expires_in.filter(|left| *left < SHORT_LIFE) {
        let (english, french) = span(left);
        return (
            format!("The list holds for {english}, which is too short for a call: mint it for an hour."),
            format!(
                "La liste est valable {french}, trop peu pour un appel\u{a0}: émettez-la pour une heure."
            ),
        );
    }
    if took > SLOW_LIST {
        let (english, french) = ms(took);
        return (
            format!(
                "The list took {english}. A call that is made as soon as the phone starts goes without it: make its \
                 source faster."
            ),
            format!(
                "La liste a mis {french}. Un appel passé dès le démarrage du téléphone s’en passe\u{a0}: accélérez sa \
                 source."
            ),
        );
    }
    match expires_in.map(span) {
        Some((english, french)) => {
            (format!("The list holds for {english}."), format!("La liste est valable {french}."))
        }
        None => fixed("The list does not expire.", "La liste n’expire pas."),
    }
}

pub(super) fn stun(finding: StunFinding) -> Texts {
    match finding {
        StunFinding::Answers { round_trip, .. } => {
            let (english, french) = ms(round_trip);
            (format!("The STUN server answers in {english}."), format!("Le serveur STUN répond en {french}."))
        }
        StunFinding::Refused { code } => (
            format!(
                "The STUN server refuses (error {code}). Check that it serves the public, or choose another one."
            ),
            format!(
                "Le serveur STUN refuse (erreur {code}). Vérifiez qu’il est ouvert au public, ou choisissez-en un autre."
            ),
        ),
        StunFinding::Failed(failure) => failed(failure, Transport::Udp),
        StunFinding::NotUsed => fixed(
            "Calls use STUN over UDP only, so this URL was not tried.",
            "Les appels n’utilisent STUN que sur UDP\u{a0}: cette URL n’a pas été essayée.",
        ),
    }
}

pub(super) fn mapping(finding: MappingFinding) -> Texts {
    match finding {
        MappingFinding::Same => fixed(
            "Two servers see this device at the same address: direct calls have a good chance.",
            "Deux serveurs voient cet appareil à la même adresse\u{a0}: les appels directs ont de bonnes chances.",
        ),
        MappingFinding::Different => fixed(
            "Two servers see this device at different addresses (symmetric address translation). Calls from this \
             network often need a TURN server.",
            "Deux serveurs voient cet appareil à des adresses différentes (traduction d’adresses symétrique). Depuis \
             ce réseau, les appels ont souvent besoin d’un serveur TURN.",
        ),
        MappingFinding::Unknown => fixed(
            "Fewer than two servers that can be compared answered over UDP, so nothing can be said of the address \
             translation.",
            "Moins de deux serveurs comparables ont répondu sur UDP\u{a0}: impossible de juger la traduction d’adresses.",
        ),
    }
}

pub(super) fn turn(transport: TurnTransport, finding: TurnFinding) -> Texts {
    match finding {
        TurnFinding::Allocates { round_trip, .. } => {
            let (english, french) = ms(round_trip);
            let (note, remarque) = note(transport);
            (
                format!("The TURN server relays for this user and answers in {english}.{note}"),
                format!("Le serveur TURN relaie pour cet utilisateur et répond en {french}.{remarque}"),
            )
        }
        TurnFinding::Open { .. } => fixed(
            "The TURN server relays for anybody, without a password. Switch authentication on, or strangers will use it.",
            "Le serveur TURN relaie pour n’importe qui, sans mot de passe. Activez l’authentification, sinon des \
             inconnus s’en serviront.",
        ),
        TurnFinding::CredentialsRefused => fixed(
            "The TURN server refuses the user name or password. Check the shared secret, the realm and the server’s \
             clock.",
            "Le serveur TURN refuse le nom d’utilisateur ou le mot de passe. Vérifiez le secret partagé, le domaine \
             (realm) et l’horloge du serveur.",
        ),
        TurnFinding::CredentialsExpired { ago } => {
            let (english, french) = span(ago);
            (
                format!(
                    "The TURN server refuses the credentials: they expired {english} ago. Fetch new ones, and check \
                     how they are refreshed."
                ),
                format!(
                    "Le serveur TURN refuse les identifiants\u{a0}: ils ont expiré il y a {french}. Demandez-en de \
                     nouveaux, et vérifiez leur renouvellement."
                ),
            )
        }
        TurnFinding::CredentialsTooLong => fixed(
            "The TURN user name is too long to be sent: at most 512 bytes. Use a shorter one.",
            "Le nom d’utilisateur TURN est trop long\u{a0}: 512 octets au plus. Choisissez-en un plus court.",
        ),
        TurnFinding::QuotaReached => fixed(
            "The TURN server says that this user has too many relays. Wait ten minutes, or raise the user’s quota.",
            "Le serveur TURN indique que cet utilisateur a trop de relais. Attendez dix minutes, ou augmentez son quota.",
        ),
        TurnFinding::Full => fixed(
            "The TURN server has no capacity left. Widen its port range, or add a server.",
            "Le serveur TURN n’a plus de capacité. Élargissez sa plage de ports, ou ajoutez un serveur.",
        ),
        TurnFinding::Refused { code } => (
            format!("The TURN server refuses (error {code}). Look into its log."),
            format!("Le serveur TURN refuse (erreur {code}). Consultez son journal."),
        ),
        TurnFinding::Failed(failure) => failed(
            failure,
            match transport {
                TurnTransport::Udp | TurnTransport::Dtls => Transport::Udp,
                TurnTransport::Tcp | TurnTransport::Tls => Transport::Stream,
            },
        ),
        TurnFinding::NotUsed => fixed(
            "TURN over DTLS is not supported, so this URL was not tried. Use transport=tcp for TLS.",
            "TURN sur DTLS n’est pas pris en charge\u{a0}: cette URL n’a pas été essayée. Utilisez transport=tcp pour \
             TLS.",
        ),
    }
}

/// What today's media engine makes of a relay over this transport.
fn note(transport: TurnTransport) -> (&'static str, &'static str) {
    match transport {
        TurnTransport::Udp => ("", ""),
        TurnTransport::Tcp | TurnTransport::Tls | TurnTransport::Dtls => (
            " Calls do not use it yet: this version relays over UDP only.",
            " Les appels ne s’en servent pas encore\u{a0}: cette version ne relaie que sur UDP.",
        ),
    }
}

pub(super) fn relay(finding: RelayFinding) -> Texts {
    match finding {
        RelayFinding::Works => fixed(
            "A call without a direct path can be relayed.",
            "Un appel sans chemin direct peut être relayé.",
        ),
        RelayFinding::StreamOnly => fixed(
            "Only TCP or TLS reaches a TURN server, and this version relays calls over UDP only. Calls without a direct \
             path will fail: let UDP through to the server, or change the network.",
            "Seul TCP ou TLS atteint un serveur TURN, et cette version ne relaie les appels que sur UDP. Les appels sans \
             chemin direct échoueront\u{a0}: laissez passer UDP jusqu’au serveur, ou changez de réseau.",
        ),
        RelayFinding::Missing => fixed(
            "No TURN server relays. Calls without a direct path will fail: mend what is said of the servers above, or \
             add a TURN server.",
            "Aucun serveur TURN ne relaie. Les appels sans chemin direct échoueront\u{a0}: corrigez ce qui est dit des \
             serveurs ci-dessus, ou ajoutez un serveur TURN.",
        ),
    }
}

enum Transport {
    Udp,
    Stream,
}

fn failed(failure: ServerFailure, transport: Transport) -> Texts {
    match failure {
        ServerFailure::Name => fixed(
            "The name of the server has no address. Check its spelling and the DNS.",
            "Le nom du serveur n’a pas d’adresse. Vérifiez son orthographe et le DNS.",
        ),
        ServerFailure::Unreachable => fixed(
            "There is no way to the server from this network. Check the connection and the server’s address.",
            "Le serveur est hors d’atteinte depuis ce réseau. Vérifiez la connexion et l’adresse du serveur.",
        ),
        ServerFailure::Closed => fixed(
            "Nothing listens at the server’s port. Check the port, and that the server runs.",
            "Rien n’écoute sur le port du serveur. Vérifiez le port, et que le serveur fonctionne.",
        ),
        ServerFailure::Silent => match transport {
            Transport::Udp => fixed(
                "No answer over UDP. A firewall here or at the server blocks it, or the server does not run.",
                "Pas de réponse sur UDP. Un pare-feu le bloque ici ou côté serveur, ou le serveur ne fonctionne pas.",
            ),
            Transport::Stream => fixed(
                "The server does not answer. A firewall here or at the server blocks the port, or the server hangs.",
                "Le serveur ne répond pas. Un pare-feu bloque le port ici ou côté serveur, ou le serveur est bloqué.",
            ),
        },
        ServerFailure::HungUp => fixed(
            "The server took the connection and ended it at once. Check that the port is that of this transport.",
            "Le serveur a accepté la connexion puis l’a fermée aussitôt. Vérifiez que le port est celui de ce transport.",
        ),
        ServerFailure::NotStun => fixed(
            "Something else than a STUN or TURN server answers at this port. Check host and port.",
            "Ce n’est pas un serveur STUN ou TURN qui répond sur ce port. Vérifiez l’hôte et le port.",
        ),
        ServerFailure::Tls(failure) => tls(failure),
    }
}

fn tls(failure: TlsFailure) -> Texts {
    match failure {
        TlsFailure::Expired => fixed(
            "The server’s certificate has expired. Renew it, and check this device’s clock.",
            "Le certificat du serveur a expiré. Renouvelez-le, et vérifiez l’horloge de cet appareil.",
        ),
        TlsFailure::NotYetValid => fixed(
            "The server’s certificate is not valid yet. Check this device’s clock.",
            "Le certificat du serveur n’est pas encore valable. Vérifiez l’horloge de cet appareil.",
        ),
        TlsFailure::UnknownIssuer => fixed(
            "The server’s certificate was issued by nobody that is trusted here. Use one of a public authority, with \
             its intermediate certificates.",
            "Le certificat du serveur vient d’une autorité inconnue. Utilisez celui d’une autorité publique, avec ses \
             certificats intermédiaires.",
        ),
        TlsFailure::WrongName => fixed(
            "The server’s certificate is for another name. Use the name of the certificate in the URL, or get one for \
             this name.",
            "Le certificat du serveur est établi pour un autre nom. Utilisez ce nom dans l’URL, ou obtenez un certificat \
             pour le bon nom.",
        ),
        TlsFailure::Authority => fixed(
            "The server shows the certificate of an authority (CA:TRUE), as self-signed ones often are. It is refused even \
             where it is trusted: use one of a public authority, or issue one for the server.",
            "Le serveur présente un certificat d’autorité (CA:TRUE), comme le sont souvent les certificats auto-signés. Il \
             est refusé même là où il est connu\u{a0}: utilisez celui d’une autorité publique, ou émettez-en un pour le \
             serveur.",
        ),
        TlsFailure::Certificate => fixed(
            "The server’s certificate is refused. Check its form, its purpose and its chain.",
            "Le certificat du serveur est refusé. Vérifiez sa forme, son usage et sa chaîne.",
        ),
        TlsFailure::NotTls => fixed(
            "The server does not speak TLS at this port. Check the port, or use turn: instead of turns:.",
            "Le serveur ne parle pas TLS sur ce port. Vérifiez le port, ou utilisez turn: au lieu de turns:.",
        ),
        TlsFailure::Silent => fixed(
            "The server takes connections at this port but does not answer in TLS. Check that TLS is switched on there, \
             and the port.",
            "Le serveur accepte les connexions sur ce port mais ne répond pas en TLS. Vérifiez que TLS y est activé, et \
             le port.",
        ),
        TlsFailure::Handshake => fixed(
            "The TLS handshake failed. The server wants TLS 1.2 or 1.3 with a usual cipher: check its settings.",
            "La négociation TLS a échoué. Le serveur doit proposer TLS 1.2 ou 1.3 avec un chiffrement courant\u{a0}: \
             vérifiez ses réglages.",
        ),
    }
}
