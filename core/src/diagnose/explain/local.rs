//! Texts about this machine and its signaling.

use std::time::Duration;

use super::{Texts, fixed, ms, span};
use crate::audio::{DeviceError, DeviceKind};
use crate::diagnose::{Check, ClockFinding, DeviceFinding, SignalingFinding, Verdict};
use crate::signaling::OfflineWhy;

pub(super) fn device(kind: DeviceKind, finding: &DeviceFinding) -> Texts {
    match finding {
        DeviceFinding::Opens { name } => match kind {
            DeviceKind::Capture => {
                (format!("The microphone opens: {name}."), format!("Le microphone s’ouvre\u{a0}: {name}."))
            }
            DeviceKind::Playback => {
                (format!("The speaker opens: {name}."), format!("Le haut-parleur s’ouvre\u{a0}: {name}."))
            }
        },
        DeviceFinding::Listed { devices } => match kind {
            DeviceKind::Capture => (
                format!("Microphones found: {devices}. None was opened."),
                format!("Microphones trouvés\u{a0}: {devices}. Aucun n’a été ouvert."),
            ),
            DeviceKind::Playback => (
                format!("Speakers found: {devices}. None was opened."),
                format!("Haut-parleurs trouvés\u{a0}: {devices}. Aucun n’a été ouvert."),
            ),
        },
        DeviceFinding::InCall => fixed(
            "A call is going on, so the device was left alone.",
            "Un appel est en cours\u{a0}: l’appareil n’a pas été touché.",
        ),
        DeviceFinding::Failed(error) => match kind {
            DeviceKind::Capture => microphone(error),
            DeviceKind::Playback => speaker(error),
        },
        DeviceFinding::Silent => fixed(
            "The sound system does not answer. Restart the sound server or the machine.",
            "Le système audio ne répond pas. Redémarrez le serveur de son ou la machine.",
        ),
    }
}

fn microphone(error: &DeviceError) -> Texts {
    match error {
        DeviceError::Denied => fixed(
            "Access to the microphone is denied. Allow it for this app in the system’s settings.",
            "L’accès au microphone est refusé. Autorisez-le pour cette application dans les réglages du système.",
        ),
        DeviceError::NoDevice => {
            fixed("There is no microphone. Connect one.", "Il n’y a pas de microphone. Branchez-en un.")
        }
        DeviceError::InUse => fixed(
            "Another program holds the microphone. Close it, or choose another microphone.",
            "Un autre programme occupe le microphone. Fermez-le, ou choisissez un autre microphone.",
        ),
        DeviceError::UnknownDevice(_) => fixed(
            "The chosen microphone is not there. Connect it, or choose another one.",
            "Le microphone choisi est absent. Branchez-le, ou choisissez-en un autre.",
        ),
        DeviceError::NoServer
        | DeviceError::Unsupported
        | DeviceError::Lost
        | DeviceError::File(_)
        | DeviceError::NotWav => either(error),
    }
}

fn speaker(error: &DeviceError) -> Texts {
    match error {
        DeviceError::Denied => fixed(
            "Access to the speaker is denied. Allow it for this app in the system’s settings.",
            "L’accès au haut-parleur est refusé. Autorisez-le pour cette application dans les réglages du système.",
        ),
        DeviceError::NoDevice => fixed(
            "There is no speaker. Connect one, or headphones.",
            "Il n’y a pas de haut-parleur. Branchez-en un, ou un casque.",
        ),
        DeviceError::InUse => fixed(
            "Another program holds the speaker. Close it, or choose another speaker.",
            "Un autre programme occupe le haut-parleur. Fermez-le, ou choisissez un autre haut-parleur.",
        ),
        DeviceError::UnknownDevice(_) => fixed(
            "The chosen speaker is not there. Connect it, or choose another one.",
            "Le haut-parleur choisi est absent. Branchez-le, ou choisissez-en un autre.",
        ),
        DeviceError::NoServer
        | DeviceError::Unsupported
        | DeviceError::Lost
        | DeviceError::File(_)
        | DeviceError::NotWav => either(error),
    }
}

fn either(error: &DeviceError) -> Texts {
    match error {
        DeviceError::NoServer => fixed(
            "The sound server cannot be reached. Start it.",
            "Le serveur de son est injoignable. Démarrez-le.",
        ),
        DeviceError::Unsupported => fixed(
            "The device offers no sound format that can be used. Choose another device.",
            "L’appareil ne propose aucun format audio utilisable. Choisissez un autre appareil.",
        ),
        DeviceError::File(_) | DeviceError::NotWav => fixed(
            "The sound file that stands for the device cannot be used. Check its path and its format.",
            "Le fichier audio qui tient lieu d’appareil est inutilisable. Vérifiez son chemin et son format.",
        ),
        DeviceError::Lost
        | DeviceError::Denied
        | DeviceError::NoDevice
        | DeviceError::InUse
        | DeviceError::UnknownDevice(_) => fixed(
            "The device opened and stopped at once. Unplug it and connect it again, or choose another device.",
            "L’appareil s’est ouvert puis arrêté aussitôt. Débranchez-le et rebranchez-le, ou choisissez-en un autre.",
        ),
    }
}

pub(super) fn signaling(finding: &SignalingFinding) -> Texts {
    match finding {
        SignalingFinding::Answers { round_trip } => {
            let (english, french) = ms(*round_trip);
            match Check::Signaling(*finding).verdict() {
                Verdict::Warning | Verdict::Problem => (
                    format!(
                        "The signaling server answers, but slowly: {english}. Calls will be slow to ring."
                    ),
                    format!(
                        "Le serveur de signalisation répond, mais lentement\u{a0}: {french}. Les appels mettront du \
                         temps à sonner."
                    ),
                ),
                Verdict::Ok | Verdict::Skipped => (
                    format!("The signaling server answers in {english}."),
                    format!("Le serveur de signalisation répond en {french}."),
                ),
            }
        }
        SignalingFinding::Online => fixed("Signaling is connected.", "La signalisation est connectée."),
        SignalingFinding::Connecting => fixed(
            "Signaling is still connecting. Check the network, then the server.",
            "La signalisation est encore en cours de connexion. Vérifiez le réseau, puis le serveur.",
        ),
        SignalingFinding::Offline(why) => offline(*why),
        SignalingFinding::Silent => fixed(
            "Signaling takes itself for connected, but the server does not answer. The network is very slow, or the \
             connection is dead and will be renewed by itself.",
            "La signalisation se croit connectée, mais le serveur ne répond pas. Le réseau est très lent, ou la \
             connexion est morte et va se renouveler d’elle-même.",
        ),
    }
}

fn offline(why: OfflineWhy) -> Texts {
    match why {
        OfflineWhy::Unreachable => fixed(
            "The signaling server cannot be reached. Check the network, the URL and whether the server runs.",
            "Le serveur de signalisation est injoignable. Vérifiez le réseau, l’URL et que le serveur fonctionne.",
        ),
        OfflineWhy::WrongUrl => fixed(
            "The signaling URL does not lead to a Realtime server, or its certificate is not trusted. Check the URL.",
            "L’URL de signalisation ne mène pas à un serveur Realtime, ou son certificat n’est pas reconnu. Vérifiez \
             l’URL.",
        ),
        OfflineWhy::KeyRefused => fixed(
            "The signaling server refuses the API key. Check it in the project’s settings.",
            "Le serveur de signalisation refuse la clé d’API. Vérifiez-la dans les réglages du projet.",
        ),
        OfflineWhy::TokenRefused => fixed(
            "The signaling server refuses the user’s token. Sign in again, and check the clock.",
            "Le serveur de signalisation refuse le jeton de l’utilisateur. Reconnectez-vous, et vérifiez l’horloge.",
        ),
        OfflineWhy::TokenMissing => fixed(
            "The app has no token for signaling right now. Check how it gets one.",
            "L’application n’a pas de jeton pour la signalisation. Vérifiez comment elle l’obtient.",
        ),
        OfflineWhy::SignedOut => {
            fixed("Nobody is signed in. Sign in.", "Personne n’est connecté. Connectez-vous.")
        }
        OfflineWhy::NotAllowed => fixed(
            "The server does not let this user receive calls. Check the row policies of the user’s topic.",
            "Le serveur ne permet pas à cet utilisateur de recevoir des appels. Vérifiez les règles d’accès de son \
             canal.",
        ),
        OfflineWhy::RateLimited => fixed(
            "The signaling server asks to slow down. Wait a minute; if it goes on, check the project’s limits.",
            "Le serveur de signalisation demande de ralentir. Attendez une minute\u{a0}; si cela persiste, vérifiez \
             les limites du projet.",
        ),
        OfflineWhy::ConnectionLost => fixed(
            "The connection to the signaling server broke. It is being renewed; run this again.",
            "La connexion au serveur de signalisation s’est rompue. Elle se rétablit\u{a0}; relancez le diagnostic.",
        ),
        OfflineWhy::Closed => fixed(
            "This phone or its signaling is closed. Start the phone again.",
            "Ce téléphone ou sa signalisation est fermé. Redémarrez le téléphone.",
        ),
        OfflineWhy::Timeout => fixed(
            "The signaling server does not answer. Check the network, then the server.",
            "Le serveur de signalisation ne répond pas. Vérifiez le réseau, puis le serveur.",
        ),
    }
}

pub(super) fn clock(finding: ClockFinding) -> Texts {
    let ClockFinding::Ahead { ms } = finding else {
        return fixed(
            "The signaling server did not tell the time, so the clock could not be compared.",
            "Le serveur de signalisation n’a pas donné l’heure\u{a0}: l’horloge n’a pas pu être comparée.",
        );
    };
    if Check::Clock(finding).verdict() == Verdict::Ok {
        return fixed("The clock is right.", "L’horloge est à l’heure.");
    }
    let (english, french) = span(Duration::from_millis(ms.unsigned_abs()));
    let (which, laquelle) = if ms < 0 { ("behind", "en retard") } else { ("ahead", "en avance") };
    (
        format!(
            "The clock of this device is {english} {which}, so tokens and TURN credentials look expired or not valid \
             yet. Switch on automatic time."
        ),
        format!(
            "L’horloge de cet appareil est {laquelle} de {french}\u{a0}: les jetons et les identifiants TURN paraissent \
             expirés ou pas encore valables. Activez l’heure automatique."
        ),
    )
}
