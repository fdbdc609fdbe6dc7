// @ts-check
/**
 * The words of the page, in English and French. The browser's language decides, `?lang=` and the switch overrule it.
 */

/** @typedef {"en" | "fr"} Language */
/** @typedef {keyof typeof WORDS} Word */

/** @type {Language} */
let language = "en";

/** @param {string | null} asked @returns {Language} */
export function chooseLanguage(asked) {
  const kept = read("ringback.language");
  const wanted = [asked, kept, ...navigator.languages].find((one) => /^(en|fr)\b/i.test(one ?? ""));
  setLanguage(wanted?.toLowerCase().startsWith("fr") ? "fr" : "en");
  return language;
}

/** @param {Language} to */
export function setLanguage(to) {
  language = to;
  document.documentElement.lang = to;
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-i18n]"))) {
    element.textContent = t(/** @type {Word} */ (element.dataset.i18n));
  }
  const other = to === "fr" ? "en" : "fr";
  const button = document.getElementById("language");
  if (!button) return;
  button.textContent = other === "fr" ? "Français" : "English";
  button.lang = other;
}

/** The user chose: kept for the next time. */
export function switchLanguage() {
  setLanguage(language === "fr" ? "en" : "fr");
  write("ringback.language", language);
}

export function currentLanguage() {
  return language;
}

/**
 * A text, with what is in braces filled in.
 * @param {Word} word @param {Record<string, string | number>} [values]
 */
export function t(word, values = {}) {
  const text = WORDS[word]?.[language === "fr" ? 1 : 0] ?? word;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** @param {number} number @param {number} digits */
export function decimal(number, digits) {
  return number.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** What the page remembers; nothing where storage is switched off. @param {string} key */
export function read(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string} value */
export function write(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Forgotten with the page, then.
  }
}

/** @type {Record<string, [string, string]>} */
const WORDS = {
  skip: ["Skip to the phone", "Aller au téléphone"],
  youAre: ["You are", "Vous êtes"],
  changeName: ["Change name", "Changer de nom"],
  serverStatus: ["Status", "État"],
  welcomeTitle: ["Who is calling?", "Qui appelle\u00a0?"],
  welcomeLead: ["Choose a name. Others on this server see it and can call you.", "Choisissez un nom. Les autres le voient sur ce serveur et peuvent vous appeler."],
  yourName: ["Your name", "Votre nom"],
  nameHint: ["Letters, digits and . _ : @ -", "Lettres sans accent, chiffres et . _ : @ -"],
  nameWrong: ["A name is 1 to 128 letters, digits and . _ : @ - without spaces.", "Un nom a de 1 à 128 lettres sans accent, chiffres et . _ : @ -, sans espace."],
  enter: ["Go online", "Se connecter"],
  echoTitle: ["Hear yourself first", "Entendez-vous d’abord"],
  echoHint: ["The echo bot answers and plays back what you say.", "Le robot d’écho décroche et répète ce que vous dites."],
  echoAbsent: ["The echo bot is not online. It comes with the full local server.", "Le robot d’écho n’est pas en ligne. Il vient avec le serveur local complet."],
  callEcho: ["Call the echo bot", "Appeler l’écho"],
  callSomebody: ["Call somebody", "Appeler quelqu’un"],
  call: ["Call", "Appeler"],
  callPerson: ["Call {name}", "Appeler {name}"],
  ownName: ["That is you. Choose somebody else.", "C’est vous. Choisissez quelqu’un d’autre."],
  online: ["Online now", "En ligne"],
  nobody: ["Nobody else is here yet.", "Il n’y a encore personne d’autre."],
  nobodyHint: ["Open this page in a second window with another name, or start a phone in a terminal:", "Ouvrez cette page dans une autre fenêtre sous un autre nom, ou lancez un téléphone dans un terminal\u00a0:"],
  appBrowser: ["in a browser", "dans un navigateur"],
  appTerminal: ["in a terminal", "dans un terminal"],
  appEcho: ["plays back what you say", "répète ce que vous dites"],
  appOther: ["on a phone", "sur un téléphone"],
  kickerIncoming: ["Incoming call", "Appel entrant"],
  kickerOutgoing: ["Calling", "Appel en cours"],
  kickerCall: ["In a call with", "En communication avec"],
  you: ["You", "Vous"],
  them: ["Them", "Eux"],
  path: ["Path", "Chemin"],
  loss: ["Loss", "Pertes"],
  rtt: ["Round trip", "Aller-retour"],
  direct: ["Direct", "Direct"],
  relayed: ["Relayed", "Par relais"],
  directly: ["directly", "en direct"],
  byRelay: ["by a relay", "par un relais"],
  mute: ["Mute", "Muet"],
  hold: ["Hold", "Attente"],
  answer: ["Answer", "Décrocher"],
  decline: ["Decline", "Refuser"],
  cancel: ["Cancel", "Annuler"],
  hangUp: ["Hang up", "Raccrocher"],
  again: ["Call again", "Rappeler"],
  back: ["Back", "Retour"],
  events: ["What happens", "Ce qui se passe"],
  noEvents: ["Every step of a call appears here, with its time.", "Chaque étape d’un appel s’affiche ici, avec l’heure."],
  connecting: ["Connecting…", "Connexion…"],
  online1: ["Online", "En ligne"],
  offline: ["Offline, trying again", "Hors ligne, nouvel essai"],
  stateInitiated: ["Looking for the phone…", "Recherche du téléphone…"],
  stateMicrophone: ["Allow the microphone to go on…", "Autorisez le microphone pour continuer…"],
  stateRingingOut: ["It rings…", "Ça sonne…"],
  stateRingingIn: ["calls you", "vous appelle"],
  stateConnecting: ["Connecting the sound…", "Connexion du son…"],
  stateActive: ["Connected", "Connecté"],
  stateReconnecting: ["The sound is gone. Reconnecting…", "Le son est perdu. Reconnexion…"],
  peerMuted: ["{name} is muted.", "{name} a coupé son micro."],
  peerHeld: ["{name} put you on hold.", "{name} vous a mis en attente."],
  heldHere: ["On hold: neither of you hears the other.", "En attente\u00a0: personne n’entend l’autre."],
  mutedHere: ["You are muted.", "Votre micro est coupé."],
  callEnded: ["Call ended", "Appel terminé"],
  lasted: ["It lasted {time}.", "Il a duré {time}."],
  titleRing: ["{name} calls", "{name} appelle"],
  secureOnly: ["Browsers give the microphone to pages on https:// and on localhost only.", "Les navigateurs ne donnent le microphone qu’aux pages en https:// ou sur localhost."],
  evSignalingOnline: ["Online.", "En ligne."],
  evSignalingOffline: ["The server is not reachable; trying again.", "Le serveur est injoignable\u00a0; nouvel essai."],
  evIncoming: ["{name} calls.", "{name} appelle."],
  evOutgoing: ["Calling {name}.", "Appel de {name}."],
  evSending: ["The call is being sent.", "L’appel est envoyé."],
  evRingingOut: ["A phone rings there.", "Un téléphone sonne là-bas."],
  evRingingIn: ["It rings here.", "Ça sonne ici."],
  evConnecting: ["Answered; connecting.", "Décroché\u00a0; connexion."],
  evActive: ["Connected.", "Connecté."],
  evReconnecting: ["The sound is gone; looking for another path.", "Le son est perdu\u00a0; recherche d’un autre chemin."],
  evFirstSound: ["First sound from {name}.", "Premier son de {name}."],
  evPath: ["The sound goes {kind}: {local} to {remote}.", "Le son passe {kind}\u00a0: {local} vers {remote}."],
  evPeerMuted: ["{name} muted the microphone.", "{name} a coupé son micro."],
  evPeerHeld: ["{name} put the call on hold.", "{name} a mis l’appel en attente."],
  evPeerBack: ["{name} is back.", "{name} est de retour."],
  evMessage: ["Message: {text}", "Message\u00a0: {text}"],
  statusTitle: ["Server status", "État du serveur"],
  toPhone: ["Phone", "Téléphone"],
  version: ["Version", "Version"],
  uptime: ["Running for", "En marche depuis"],
  sockets: ["Connections", "Connexions"],
  callsNow: ["Calls now", "Appels en cours"],
  deliveries: ["Messages delivered", "Messages remis"],
  relayed1: ["Relayed", "Relayé"],
  allocations: ["Relay allocations", "Allocations de relais"],
  echoBot: ["Echo bot", "Robot d’écho"],
  who: ["Who is online", "Qui est en ligne"],
  topics: ["Topics", "Sujets"],
  topic: ["Topic", "Sujet"],
  subscribers: ["Subscribers", "Abonnés"],
  access: ["Access", "Accès"],
  private: ["private", "privé"],
  public: ["public", "public"],
  user: ["User", "Utilisateur"],
  appColumn: ["App", "Application"],
  calls: ["Calls", "Appels"],
  none: ["None", "Aucun"],
  live: ["Live", "En direct"],
  noStatus: ["The server gives no status.", "Le serveur ne donne pas son état."],
  skipFigures: ["Skip to the figures", "Aller aux chiffres"],
  needsKey: ["This server shows its status to holders of a key only.", "Ce serveur ne montre son état qu’aux détenteurs d’une clé."],
  offlineShort: ["Offline", "Hors ligne"],
  shortInitiated: ["Looking for the phone", "Recherche du téléphone"],
  shortRinging: ["Ringing", "Sonne"],
  shortConnecting: ["Connecting", "Connexion"],
  shortActive: ["Connected", "Connecté"],
  between: ["Between", "Entre"],
  state: ["State", "État"],
  since: ["For", "Depuis"],
};
