//! What the user reads when a call has ended: what happened, and what to do next.
//!
//! Written for both sides of a call, since most reasons reach both. French has its typographic apostrophe and its
//! no-break spaces.

use super::{ConnectFailure, ElsewhereHow, EndReason, Language, MicrophoneFailure, UnsupportedWhat};

impl EndReason {
    /// One or two plain sentences: what happened, and what to do next if there is something to do.
    pub fn explain(&self, language: Language) -> &'static str {
        let (english, french) = texts(self);
        match language {
            Language::En => english,
            Language::Fr => french,
        }
    }
}

fn texts(reason: &EndReason) -> (&'static str, &'static str) {
    match reason {
        EndReason::HungUp => ("The call has ended.", "L’appel est terminé."),
        EndReason::Declined => ("The call was declined.", "L’appel a été refusé."),
        EndReason::Cancelled => {
            ("The call was cancelled before it was answered.", "L’appel a été annulé avant d’être pris.")
        }
        EndReason::NoAnswer => (
            "It rang, but nobody answered. Try again later or send a message.",
            "Ça a sonné, mais personne n’a répondu. Réessayez plus tard ou envoyez un message.",
        ),
        EndReason::Unreachable => (
            "The other phone could not be reached. It may be switched off or offline: try again later.",
            "L’autre téléphone est injoignable. Il est peut-être éteint ou hors ligne\u{a0}: réessayez plus tard.",
        ),
        EndReason::Busy => (
            "The person is already in another call. Try again in a minute.",
            "La personne est déjà en communication. Réessayez dans une minute.",
        ),
        EndReason::Elsewhere(ElsewhereHow::Answered) => {
            ("You took the call on another device.", "Vous avez pris l’appel sur un autre appareil.")
        }
        EndReason::Elsewhere(ElsewhereHow::Declined) => {
            ("You declined the call on another device.", "Vous avez refusé l’appel sur un autre appareil.")
        }
        EndReason::Missed => (
            "You missed this call. You can call back now.",
            "Vous avez manqué cet appel. Vous pouvez rappeler dès maintenant.",
        ),
        EndReason::Offline => (
            "This phone is not connected to the calling service. Check your internet connection, then call again.",
            "Ce téléphone n’est pas connecté au service d’appel. Vérifiez votre connexion internet, puis rappelez.",
        ),
        EndReason::NotAllowed => (
            "You are not allowed to call this person. If you think you should be, contact support.",
            "Vous n’êtes pas autorisé à appeler cette personne. Si cela vous semble être une erreur, contactez \
             l’assistance.",
        ),
        EndReason::ConnectFailed(failure) => connect_failed(*failure),
        EndReason::ConnectionLost => (
            "The connection was lost and did not come back. Find a place with better reception and call again.",
            "La connexion a été perdue et n’est pas revenue. Trouvez un endroit mieux couvert et rappelez.",
        ),
        EndReason::Microphone(failure) => microphone(*failure),
        EndReason::Replaced { .. } => (
            "You called each other at the same moment. The other call goes on.",
            "Vous vous êtes appelés au même moment. L’autre appel continue.",
        ),
        EndReason::Resumed => (
            "The call goes on in another window or after a restart of the app.",
            "L’appel continue dans une autre fenêtre ou après un redémarrage de l’application.",
        ),
        EndReason::Unsupported(UnsupportedWhat::Version) => (
            "The two apps are too different in version to talk to each other. Update the app on both phones.",
            "Les versions des deux applications sont trop différentes pour communiquer. Mettez l’application à \
             jour sur les deux téléphones.",
        ),
        EndReason::Unsupported(UnsupportedWhat::Codec) => (
            "The two phones have no sound format in common. Update the app on both phones.",
            "Les deux téléphones n’ont aucun format audio en commun. Mettez l’application à jour sur les deux \
             téléphones.",
        ),
        EndReason::EndedByServer => (
            "The service ended the call. Contact support if you do not know why.",
            "Le service a mis fin à l’appel. Contactez l’assistance si vous n’en connaissez pas la raison.",
        ),
        EndReason::Internal => (
            "Something went wrong in the app. Call again, and restart the app if it happens twice.",
            "Un problème est survenu dans l’application. Rappelez, et redémarrez l’application si cela se reproduit.",
        ),
        EndReason::Other { .. } => (
            "The call ended for a reason that this version of the app does not know. Update the app.",
            "L’appel s’est terminé pour une raison que cette version de l’application ne connaît pas. Mettez \
             l’application à jour.",
        ),
    }
}

fn connect_failed(failure: ConnectFailure) -> (&'static str, &'static str) {
    match failure {
        ConnectFailure::NoPath => (
            "The two phones found no way to each other. Change to another network, mobile instead of Wi-Fi for \
             example, and call again.",
            "Les deux téléphones n’ont trouvé aucun chemin l’un vers l’autre. Changez de réseau, par exemple du \
             Wi-Fi au réseau mobile, et rappelez.",
        ),
        ConnectFailure::TurnMissing => (
            "The two phones found no direct way to each other, and the app has no relay server (TURN) configured. \
             Try another network, and ask whoever runs the app to add a relay server.",
            "Les deux téléphones n’ont trouvé aucun chemin direct, et aucun serveur relais (TURN) n’est configuré \
             dans l’application. Essayez un autre réseau et demandez à l’éditeur d’ajouter un serveur relais.",
        ),
        ConnectFailure::TurnRefused => (
            "The relay server (TURN) refused the app’s credentials. Try another network, and ask whoever runs the \
             app to check them.",
            "Le serveur relais (TURN) a refusé les identifiants de l’application. Essayez un autre réseau et \
             demandez à l’éditeur de les vérifier.",
        ),
        ConnectFailure::Dtls => (
            "The encrypted connection could not be set up. Call again.",
            "La connexion chiffrée n’a pas pu être établie. Rappelez.",
        ),
        ConnectFailure::Timeout => (
            "The call was answered, but setting up the sound took too long. Check the reception on both sides and \
             call again.",
            "L’appel a été pris, mais l’établissement du son a pris trop de temps. Vérifiez la réception des deux \
             côtés et rappelez.",
        ),
    }
}

fn microphone(failure: MicrophoneFailure) -> (&'static str, &'static str) {
    match failure {
        MicrophoneFailure::Denied => (
            "The app may not use the microphone. Allow it in the system settings, then call again.",
            "L’application n’a pas accès au microphone. Autorisez-le dans les réglages du système, puis rappelez.",
        ),
        MicrophoneFailure::Missing => (
            "No microphone was found. Connect one, then call again.",
            "Aucun microphone n’a été trouvé. Branchez-en un, puis rappelez.",
        ),
        MicrophoneFailure::InUse => (
            "Another app is using the microphone. Close it, then call again.",
            "Une autre application utilise le microphone. Fermez-la, puis rappelez.",
        ),
    }
}
