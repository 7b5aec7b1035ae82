# Every page
cancel = Cancel
skip = Skip to the content

# Who asks
asking-home = Website
asking-policy = Privacy policy
asking-terms = Terms of use
asking-to = Afterwards you go on to { $place }.
asking-to-device = Afterwards you go on to an app on this device ({ $place }).

# Signing in
sign-in-title = Sign in
sign-in-title-password = Welcome
sign-in-title-again = Is it you?
sign-in-for = to continue to
sign-in-again = Please enter your password once more.
sign-in-step-up = What you are about to do needs a fresh sign-in.
sign-in-change = To change your account, please enter your password once more.
sign-in-realm = I am signing in as
sign-in-username = User name or e-mail
sign-in-change-name = Not you?
sign-in-password = Password
sign-in-remember = Stay signed in on this device
sign-in-next = Continue
sign-in-submit = Sign in
sign-in-missing = Please enter your user name and your password.
sign-in-missing-name = Please enter your user name.
sign-in-wrong = User name and password do not go together. Please try again.
sign-in-too-many-soon = There were too many attempts. Please try again in a minute.
sign-in-too-many = There were too many attempts. Please try again in { $n ->
    [one] one minute.
   *[other] { $n } minutes.
  }
sign-in-expired = This page lay open for too long. Please sign in again.
sign-in-other-person = Please sign in with the account that you used before.
sign-in-unavailable = We cannot check passwords right now. Please try again in a moment.

# Choosing an account
choice-title = Choose an account
choice-for = to continue to
choice-other = Use another account
choice-signed-out = signed out

# Consent
consent-title = { $client } asks for your permission
consent-other-account = Not you?
consent-not-assured = Nobody has checked who runs this application. Only continue if you trust it.
consent-will = It would like to
consent-may = You decide whether it may also
consent-you-decide = You decide what it may do
consent-critical = sensitive
consent-offline = It may do this while you are away, too.
consent-approve = Allow
consent-deny = Don’t allow
consent-remembered = We remember your decision for { $n ->
    [one] one day
   *[other] { $n } days
  }; you can take it back at any time in your account.
consent-until-withdrawn = You can take this back at any time in your account.

# Signing out
logout-title = Sign out?
logout-lead = You are signed in as { $name }. Signing out ends it for everything you opened with this account in this browser.
logout-client = { $client } would like to sign you out. You are signed in as { $name }.
logout-confirm = Sign out
logout-cancel = Stay signed in
logged-out-title = You are signed out
logged-out-lead = See you soon. On a shared computer, please close the browser as well.
logged-out-next = Continue
logged-out-sign-in = Sign in again
logged-out-frame = Signing out

# Handing an answer over
form-post-title = One moment
form-post-lead = You are on your way back. If nothing happens, press the button.
form-post-submit = Continue

# Errors
error-unknown-client = We don’t know this application
error-unknown-client-do = The link you followed names an application that is not registered here. Go back to it and try once more; if that does not help, tell the people who run it.
error-redirect = This application has an address we don’t know
error-redirect-do = It wants your answer to be sent to a place that it has not registered. For your safety we stop here. Please tell the people who run it.
error-bad-request = Something is wrong with this link
error-bad-request-do = The application sent a request that we cannot understand. Go back to it and try once more; if that does not help, tell the people who run it.
error-expired = This took too long
error-expired-do = For your safety a sign-in has to be finished within a few minutes. Go back to the application and start again.
error-other-browser = This was begun somewhere else
error-other-browser-do = A sign-in has to be finished in the browser it was begun in. Go back to the application and start again here, and make sure that cookies are allowed.
error-done = This is done already
error-done-do = You have answered this request before. Go back to the application to go on.
error-forged = We did not accept this form
error-forged-do = It did not come from our own page, or that page is out of date. Nothing was changed. Go back, reload the page and try again.
error-forbidden = You don’t have access to this
error-forbidden-do = Your account is not allowed to use it. If you think it should be, ask your administrator and give them the number below.
error-not-found = There is nothing here
error-not-found-do = The address may be misspelt, or the page is gone.
error-too-many = Too many attempts
error-too-many-do = Please wait a few minutes and try again.
error-unavailable = We can’t do this right now
error-unavailable-do = Something we need is not available at the moment. Nothing was lost; please try again in a minute.
error-internal = This was our fault
error-internal-do = Something broke on our side. Please try again. If it happens again, tell us the number below.
error-prefix = Error:
error-client = Application:
error-next = Start again
error-technical = Details for support
error-code = Error
error-detail = Detail
error-decision = Number for support

# Account pages
nav-label = Your account
nav-overview = Overview
nav-profile = Profile
nav-applications = Applications
nav-sessions = Devices
nav-password = Password
nav-activity = Activity
nav-sign-out = Sign out

notice-saved = Your profile was saved.
notice-password = Your password was changed. Everywhere else you are signed out.
notice-session = That device is signed out.
notice-others = All other devices are signed out.
notice-scope = Done. It can no longer do that.
notice-application = Done. It no longer has access.
notice-language = From now on in English.

overview-title = Your account
overview-hello = Hello, { $name }
overview-lead = See who may act for you, and where you are signed in.
overview-applications = { $n ->
    [0] No application has access
    [one] One application has access
   *[other] { $n } applications have access
  }
overview-sessions = { $n ->
    [one] Signed in on this device only
   *[other] Signed in on { $n } devices
  }
overview-activity = What happened of late
overview-password = Choose another one

profile-lead = Applications see this if you let them.
profile-fixed = These data come from your organisation and cannot be changed here.
profile-username = User name
profile-email = E-mail
profile-email-verified = confirmed
profile-name = Full name
profile-given-name = First name
profile-family-name = Last name
profile-too-long = A name has at most 128 characters.
profile-save = Save
profile-language = Language
profile-language-lead = Show these pages in
profile-language-save = Use this language

password-show = Show the password
password-title = Change your password
password-lead = Afterwards you are signed out everywhere but here.
password-none = You sign in another way; there is no password to change.
password-current = Current password
password-new = New password
password-again = New password once more
password-hint = At least { $n } characters. A few words that only you would put together are best.
password-submit = Change password
password-wrong-current = The current password is not right.
password-too-many = There were too many attempts. Please wait a few minutes.
password-differ = The two new passwords are not the same.
password-too-short = Please choose at least { $n } characters.
password-too-long = That is too long; 1,024 bytes are the most.
password-common = Too many people use this password or one like it. Please choose another.
password-context = Please leave out your name, and the name of this service.
password-same = That is the password you have already.

sessions-lead = Everywhere you are signed in. If you don’t know one of them, sign it out and change your password.
sessions-here = this device
sessions-seen = last used { $when }
sessions-began = signed in { $when }
sessions-applications = Used for { $names }
sessions-end = Sign out
sessions-end-others = Sign out all other devices
device-both = { $browser } on { $system }
device-unknown = Unknown device

applications-lead = These may act for you. What you take back ends at once.
applications-none = No application has access to anything of yours.
applications-used = last used { $when }
applications-never-used = not used yet
applications-since = access since { $when }
applications-may = It may
applications-until = until { $date }
applications-withdraw = Withdraw
applications-withdraw-all = Withdraw all access

activity-lead = If something here was not you, change your password.
activity-none = Nothing has happened yet.
activity-earlier = Earlier
activity-signed-in = Signed in
activity-sign-in-failed = Failed attempt to sign in
activity-signed-out = Signed out
activity-session-ended = A device was signed out
activity-password = Password changed
activity-profile = Profile changed
activity-allowed = Access allowed
activity-refused = Access refused
activity-withdrawn = Access withdrawn
activity-used = Access used
activity-misused = Access ended, because a copy of it was used
activity-other = Change of the account

# Time
time-now = just now
time-minutes = { $n ->
    [one] 1 minute ago
   *[other] { $n } minutes ago
  }
time-hours = { $n ->
    [one] 1 hour ago
   *[other] { $n } hours ago
  }
time-days = { $n ->
    [one] yesterday
   *[other] { $n } days ago
  }
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
