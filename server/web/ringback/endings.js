// @ts-check
/**
 * Why calls end: the stable codes, what people read, and whether calling again makes sense.
 *
 * The same codes and texts as `core/proto/src/end/`; a test holds them together.
 */

/**
 * The end of a call: why, and who ended it, seen from this device.
 * @typedef {{code: string, by: "local" | "remote" | "system"}} End
 */
/** Whether calling again makes sense: at once, after a minute, after a repair, or never. @typedef {"now" | "later" | "after_fix" | "never"} Retry */

/**
 * What happened, and what to do next.
 * @param {string} code
 * @param {"en" | "fr"} language
 */
export function explain(code, language) {
  return row(code)[language === "fr" ? 2 : 1];
}

/** @param {string} code @returns {Retry} */
export function retry(code) {
  return row(code)[0];
}

/**
 * The code as this version shows it: what cannot be shown is `other`.
 * @param {string} code
 */
export function legible(code) {
  return /^[a-z0-9_.-]{1,64}$/.test(code) ? code : "other";
}

/** @param {string} code */
export function isKnown(code) {
  return Object.hasOwn(ENDINGS, code) || isReplaced(code);
}

/** @param {string} code */
function row(code) {
  if (Object.hasOwn(ENDINGS, code)) return ENDINGS[code];
  return isReplaced(code) ? ENDINGS.replaced : ENDINGS.other;
}

/** @param {string} code */
function isReplaced(code) {
  return /^replaced\.[0-9a-f-]{36}$/.test(code);
}

/** @type {Record<string, [Retry, string, string]>} */
export const ENDINGS = {
  hung_up: [
    "never",
    "The call has ended.",
    "L’appel est terminé.",
  ],
  declined: [
    "never",
    "The call was declined.",
    "L’appel a été refusé.",
  ],
  cancelled: [
    "never",
    "The call was cancelled before it was answered.",
    "L’appel a été annulé avant d’être pris.",
  ],
  no_answer: [
    "later",
    "It rang, but nobody answered. Try again later or send a message.",
    "Ça a sonné, mais personne n’a répondu. Réessayez plus tard ou envoyez un message.",
  ],
  unreachable: [
    "later",
    "The other phone could not be reached. It may be switched off or offline: try again later.",
    "L’autre téléphone est injoignable. Il est peut-être éteint ou hors ligne\u00a0: réessayez plus tard.",
  ],
  busy: [
    "later",
    "The person is already in another call. Try again in a minute.",
    "La personne est déjà en communication. Réessayez dans une minute.",
  ],
  "elsewhere.answered": [
    "never",
    "You took the call on another device.",
    "Vous avez pris l’appel sur un autre appareil.",
  ],
  "elsewhere.declined": [
    "never",
    "You declined the call on another device.",
    "Vous avez refusé l’appel sur un autre appareil.",
  ],
  missed: [
    "now",
    "You missed this call. You can call back now.",
    "Vous avez manqué cet appel. Vous pouvez rappeler dès maintenant.",
  ],
  offline: [
    "after_fix",
    "This phone is not connected to the calling service. Check your internet connection, then call again.",
    "Ce téléphone n’est pas connecté au service d’appel. Vérifiez votre connexion internet, puis rappelez.",
  ],
  not_allowed: [
    "never",
    "You are not allowed to call this person. If you think you should be, contact support.",
    "Vous n’êtes pas autorisé à appeler cette personne. Si cela vous semble être une erreur, contactez l’assistance.",
  ],
  "connect_failed.no_path": [
    "after_fix",
    "The two phones found no way to each other. Change to another network, mobile instead of Wi-Fi for example, and call again.",
    "Les deux téléphones n’ont trouvé aucun chemin l’un vers l’autre. Changez de réseau, par exemple du Wi-Fi au réseau mobile, et rappelez.",
  ],
  "connect_failed.turn_missing": [
    "after_fix",
    "The two phones found no direct way to each other, and the app has no relay server (TURN) configured. Try another network, and ask whoever runs the app to add a relay server.",
    "Les deux téléphones n’ont trouvé aucun chemin direct, et aucun serveur relais (TURN) n’est configuré dans l’application. Essayez un autre réseau et demandez à l’éditeur d’ajouter un serveur relais.",
  ],
  "connect_failed.turn_refused": [
    "after_fix",
    "The relay server (TURN) refused the app’s credentials. Try another network, and ask whoever runs the app to check them.",
    "Le serveur relais (TURN) a refusé les identifiants de l’application. Essayez un autre réseau et demandez à l’éditeur de les vérifier.",
  ],
  "connect_failed.dtls": [
    "now",
    "The encrypted connection could not be set up. Call again.",
    "La connexion chiffrée n’a pas pu être établie. Rappelez.",
  ],
  "connect_failed.timeout": [
    "now",
    "The call was answered, but setting up the sound took too long. Check the reception on both sides and call again.",
    "L’appel a été pris, mais l’établissement du son a pris trop de temps. Vérifiez la réception des deux côtés et rappelez.",
  ],
  connection_lost: [
    "now",
    "The connection was lost and did not come back. Find a place with better reception and call again.",
    "La connexion a été perdue et n’est pas revenue. Trouvez un endroit mieux couvert et rappelez.",
  ],
  "microphone.denied": [
    "after_fix",
    "The app may not use the microphone. Allow it in the system settings, then call again.",
    "L’application n’a pas accès au microphone. Autorisez-le dans les réglages du système, puis rappelez.",
  ],
  "microphone.missing": [
    "after_fix",
    "No microphone was found. Connect one, then call again.",
    "Aucun microphone n’a été trouvé. Branchez-en un, puis rappelez.",
  ],
  "microphone.in_use": [
    "after_fix",
    "Another app is using the microphone. Close it, then call again.",
    "Une autre application utilise le microphone. Fermez-la, puis rappelez.",
  ],
  resumed: [
    "never",
    "The call goes on in another window or after a restart of the app.",
    "L’appel continue dans une autre fenêtre ou après un redémarrage de l’application.",
  ],
  "unsupported.version": [
    "after_fix",
    "The two apps are too different in version to talk to each other. Update the app on both phones.",
    "Les versions des deux applications sont trop différentes pour communiquer. Mettez l’application à jour sur les deux téléphones.",
  ],
  "unsupported.codec": [
    "after_fix",
    "The two phones have no sound format in common. Update the app on both phones.",
    "Les deux téléphones n’ont aucun format audio en commun. Mettez l’application à jour sur les deux téléphones.",
  ],
  ended_by_server: [
    "never",
    "The service ended the call. Contact support if you do not know why.",
    "Le service a mis fin à l’appel. Contactez l’assistance si vous n’en connaissez pas la raison.",
  ],
  internal: [
    "now",
    "Something went wrong in the app. Call again, and restart the app if it happens twice.",
    "Un problème est survenu dans l’application. Rappelez, et redémarrez l’application si cela se reproduit.",
  ],
  replaced: [
    "never",
    "You called each other at the same moment. The other call goes on.",
    "Vous vous êtes appelés au même moment. L’autre appel continue.",
  ],
  other: [
    "after_fix",
    "The call ended for a reason that this version of the app does not know. Update the app.",
    "L’appel s’est terminé pour une raison que cette version de l’application ne connaît pas. Mettez l’application à jour.",
  ],
};
