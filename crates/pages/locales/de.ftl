# Jede Seite
cancel = Abbrechen
skip = Zum Inhalt springen

# Wer fragt
asking-home = Website
asking-policy = Datenschutz
asking-terms = Nutzungsbedingungen
asking-to = Danach geht es weiter zu { $place }.
asking-to-device = Danach geht es weiter zu einer App auf diesem Gerät ({ $place }).

# Anmelden
sign-in-title = Anmelden
sign-in-title-password = Willkommen
sign-in-title-again = Sind Sie es?
sign-in-for = weiter zu
sign-in-again = Bitte geben Sie Ihr Passwort noch einmal ein.
sign-in-step-up = Für diesen Schritt melden Sie sich bitte noch einmal an.
sign-in-change = Um Ihr Konto zu ändern, geben Sie bitte Ihr Passwort noch einmal ein.
sign-in-realm = Ich melde mich an als
sign-in-username = Benutzername oder E-Mail
sign-in-change-name = Nicht Sie?
sign-in-password = Passwort
sign-in-remember = Auf diesem Gerät angemeldet bleiben
sign-in-next = Weiter
sign-in-submit = Anmelden
sign-in-missing = Bitte geben Sie Benutzername und Passwort ein.
sign-in-missing-name = Bitte geben Sie Ihren Benutzernamen ein.
sign-in-wrong = Benutzername und Passwort passen nicht zusammen. Bitte versuchen Sie es noch einmal.
sign-in-too-many-soon = Das waren zu viele Versuche. Bitte versuchen Sie es in einer Minute noch einmal.
sign-in-too-many = Das waren zu viele Versuche. Bitte versuchen Sie es in { $n ->
    [one] einer Minute
   *[other] { $n } Minuten
  } noch einmal.
sign-in-expired = Diese Seite war zu lange offen. Bitte melden Sie sich noch einmal an.
sign-in-other-person = Bitte melden Sie sich mit dem Konto an, das Sie vorher benutzt haben.
sign-in-unavailable = Wir können Passwörter gerade nicht prüfen. Bitte versuchen Sie es gleich noch einmal.

# Konto wählen
choice-title = Konto wählen
choice-for = weiter zu
choice-other = Anderes Konto verwenden
choice-signed-out = abgemeldet

# Einwilligung
consent-title = { $client } bittet um Ihre Erlaubnis
consent-other-account = Nicht Sie?
consent-not-assured = Niemand hat geprüft, wer diese Anwendung betreibt. Fahren Sie nur fort, wenn Sie ihr vertrauen.
consent-will = Sie möchte
consent-may = Sie entscheiden, ob sie außerdem darf
consent-you-decide = Sie entscheiden, was sie darf
consent-critical = heikel
consent-offline = Das darf sie auch, während Sie nicht da sind.
consent-approve = Erlauben
consent-deny = Nicht erlauben
consent-remembered = Wir merken uns Ihre Entscheidung { $n ->
    [one] einen Tag
   *[other] { $n } Tage
  } lang; in Ihrem Konto können Sie sie jederzeit zurücknehmen.
consent-until-withdrawn = In Ihrem Konto können Sie das jederzeit zurücknehmen.

# Abmelden
logout-title = Abmelden?
logout-lead = Sie sind angemeldet als { $name }. Mit dem Abmelden endet das für alles, was Sie mit diesem Konto in diesem Browser geöffnet haben.
logout-client = { $client } möchte Sie abmelden. Sie sind angemeldet als { $name }.
logout-confirm = Abmelden
logout-cancel = Angemeldet bleiben
logged-out-title = Sie sind abgemeldet
logged-out-lead = Bis bald. Schließen Sie an einem gemeinsam benutzten Computer bitte auch den Browser.
logged-out-next = Weiter
logged-out-sign-in = Wieder anmelden
logged-out-frame = Abmeldung

# Antwort übergeben
form-post-title = Einen Augenblick
form-post-lead = Sie sind auf dem Weg zurück. Wenn nichts geschieht, drücken Sie den Knopf.
form-post-submit = Weiter

# Fehler
error-unknown-client = Diese Anwendung kennen wir nicht
error-unknown-client-do = Der Link nennt eine Anwendung, die hier nicht eingetragen ist. Gehen Sie zu ihr zurück und versuchen Sie es noch einmal; wenn das nicht hilft, sagen Sie es den Leuten, die sie betreiben.
error-redirect = Diese Anwendung hat eine Adresse, die wir nicht kennen
error-redirect-do = Sie möchte Ihre Antwort an einen Ort schicken lassen, den sie nicht eingetragen hat. Zu Ihrer Sicherheit hören wir hier auf. Bitte sagen Sie es den Leuten, die sie betreiben.
error-bad-request = Mit diesem Link stimmt etwas nicht
error-bad-request-do = Die Anwendung hat eine Anfrage geschickt, die wir nicht verstehen. Gehen Sie zu ihr zurück und versuchen Sie es noch einmal; wenn das nicht hilft, sagen Sie es den Leuten, die sie betreiben.
error-expired = Das hat zu lange gedauert
error-expired-do = Zu Ihrer Sicherheit muss eine Anmeldung in wenigen Minuten fertig sein. Gehen Sie zur Anwendung zurück und beginnen Sie noch einmal.
error-other-browser = Das wurde anderswo begonnen
error-other-browser-do = Eine Anmeldung muss in dem Browser fertig werden, in dem sie begonnen wurde. Gehen Sie zur Anwendung zurück und beginnen Sie hier noch einmal; Cookies müssen erlaubt sein.
error-done = Das ist schon erledigt
error-done-do = Sie haben diese Anfrage schon beantwortet. Gehen Sie zur Anwendung zurück, um weiterzumachen.
error-forged = Dieses Formular haben wir nicht angenommen
error-forged-do = Es kam nicht von unserer eigenen Seite, oder diese Seite ist veraltet. Es wurde nichts geändert. Gehen Sie zurück, laden Sie die Seite neu und versuchen Sie es noch einmal.
error-forbidden = Darauf haben Sie keinen Zugriff
error-forbidden-do = Ihr Konto darf das nicht benutzen. Wenn Sie meinen, dass es das sollte, fragen Sie Ihre Verwaltung und nennen Sie die Nummer unten.
error-not-found = Hier ist nichts
error-not-found-do = Vielleicht ist die Adresse falsch geschrieben, oder die Seite gibt es nicht mehr.
error-too-many = Zu viele Versuche
error-too-many-do = Bitte warten Sie ein paar Minuten und versuchen Sie es noch einmal.
error-unavailable = Das geht gerade nicht
error-unavailable-do = Etwas, das wir brauchen, ist im Moment nicht erreichbar. Es ist nichts verloren; bitte versuchen Sie es in einer Minute noch einmal.
error-internal = Das war unser Fehler
error-internal-do = Bei uns ist etwas schiefgegangen. Bitte versuchen Sie es noch einmal. Wenn es wieder geschieht, nennen Sie uns die Nummer unten.
error-prefix = Fehler:
error-client = Anwendung:
error-next = Noch einmal beginnen
error-technical = Angaben für den Support
error-code = Fehler
error-detail = Näheres
error-decision = Nummer für den Support

# Kontoseiten
nav-label = Ihr Konto
nav-overview = Überblick
nav-profile = Profil
nav-applications = Anwendungen
nav-sessions = Geräte
nav-password = Passwort
nav-activity = Verlauf
nav-sign-out = Abmelden

notice-saved = Ihr Profil ist gespeichert.
notice-password = Ihr Passwort ist geändert. Überall sonst sind Sie abgemeldet.
notice-session = Dieses Gerät ist abgemeldet.
notice-others = Alle anderen Geräte sind abgemeldet.
notice-scope = Erledigt. Das darf sie jetzt nicht mehr.
notice-application = Erledigt. Sie hat keinen Zugriff mehr.
notice-language = Ab jetzt auf Deutsch.

overview-title = Ihr Konto
overview-hello = Guten Tag, { $name }
overview-lead = Sehen Sie, wer für Sie handeln darf und wo Sie angemeldet sind.
overview-applications = { $n ->
    [0] Keine Anwendung hat Zugriff
    [one] Eine Anwendung hat Zugriff
   *[other] { $n } Anwendungen haben Zugriff
  }
overview-sessions = { $n ->
    [one] Nur auf diesem Gerät angemeldet
   *[other] Auf { $n } Geräten angemeldet
  }
overview-activity = Was in letzter Zeit geschah
overview-password = Ein anderes wählen

profile-lead = Anwendungen sehen das, wenn Sie es erlauben.
profile-fixed = Diese Angaben kommen von Ihrer Organisation und lassen sich hier nicht ändern.
profile-username = Benutzername
profile-email = E-Mail
profile-email-verified = bestätigt
profile-name = Voller Name
profile-given-name = Vorname
profile-family-name = Nachname
profile-too-long = Ein Name hat höchstens 128 Zeichen.
profile-save = Speichern
profile-language = Sprache
profile-language-lead = Diese Seiten zeigen auf
profile-language-save = Diese Sprache verwenden

password-show = Passwort anzeigen
password-title = Passwort ändern
password-lead = Danach sind Sie überall außer hier abgemeldet.
password-none = Sie melden sich auf andere Weise an; es gibt kein Passwort zu ändern.
password-current = Bisheriges Passwort
password-new = Neues Passwort
password-again = Neues Passwort noch einmal
password-hint = Mindestens { $n } Zeichen. Am besten ein paar Wörter, die nur Sie so zusammensetzen würden.
password-submit = Passwort ändern
password-wrong-current = Das bisherige Passwort stimmt nicht.
password-too-many = Das waren zu viele Versuche. Bitte warten Sie ein paar Minuten.
password-differ = Die beiden neuen Passwörter sind nicht gleich.
password-too-short = Bitte wählen Sie mindestens { $n } Zeichen.
password-too-long = Das ist zu lang; höchstens 1.024 Bytes.
password-common = Dieses oder ein ähnliches Passwort benutzen zu viele Leute. Bitte wählen Sie ein anderes.
password-context = Bitte lassen Sie Ihren Namen und den Namen dieses Dienstes weg.
password-same = Das ist das Passwort, das Sie schon haben.

sessions-lead = Überall, wo Sie angemeldet sind. Wenn Sie etwas davon nicht kennen, melden Sie es ab und ändern Sie Ihr Passwort.
sessions-here = dieses Gerät
sessions-seen = zuletzt benutzt { $when }
sessions-began = angemeldet { $when }
sessions-applications = Benutzt für { $names }
sessions-end = Abmelden
sessions-end-others = Alle anderen Geräte abmelden
device-both = { $browser } auf { $system }
device-unknown = Unbekanntes Gerät

applications-lead = Diese dürfen für Sie handeln. Was Sie zurücknehmen, endet sofort.
applications-none = Keine Anwendung hat Zugriff auf etwas von Ihnen.
applications-used = zuletzt benutzt { $when }
applications-never-used = noch nicht benutzt
applications-since = Zugriff seit { $when }
applications-may = Sie darf
applications-until = bis { $date }
applications-withdraw = Zurücknehmen
applications-withdraw-all = Allen Zugriff zurücknehmen

activity-lead = Wenn etwas davon nicht Sie waren, ändern Sie Ihr Passwort.
activity-none = Noch ist nichts geschehen.
activity-earlier = Früher
activity-signed-in = Angemeldet
activity-sign-in-failed = Fehlgeschlagener Anmeldeversuch
activity-signed-out = Abgemeldet
activity-session-ended = Ein Gerät wurde abgemeldet
activity-password = Passwort geändert
activity-profile = Profil geändert
activity-allowed = Zugriff erlaubt
activity-refused = Zugriff verweigert
activity-withdrawn = Zugriff zurückgenommen
activity-used = Zugriff benutzt
activity-misused = Zugriff beendet, weil eine Kopie davon benutzt wurde
activity-other = Änderung am Konto

# Zeit
time-now = gerade eben
time-minutes = { $n ->
    [one] vor 1 Minute
   *[other] vor { $n } Minuten
  }
time-hours = { $n ->
    [one] vor 1 Stunde
   *[other] vor { $n } Stunden
  }
time-days = { $n ->
    [one] gestern
   *[other] vor { $n } Tagen
  }
month-1 = Januar
month-2 = Februar
month-3 = März
month-4 = April
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = August
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Dezember
