"""What differs from one site to the next: addresses, ports, folders, secrets. The city itself is data (``cities/``)."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.cityfolder import CityFolder

#: These end up in Asterisk's configuration, where a line break would begin a section of somebody else's.
_ONE_LINE = r"^[^\r\n;]*$"
_HOUR = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"


def _no_mail(claim: str) -> str:
    if "email" in claim:
        raise ValueError("e-mail addresses are no logins: name a claim that only the provider's administrators change")
    return claim


class Settings(BaseSettings):
    """Read from the environment (``HEYI_…``); the defaults run everything on one machine."""

    model_config = SettingsConfigDict(env_prefix="HEYI_", extra="ignore")

    #: The city folder that is served; see :attr:`city_folder`.
    city: Path = Path("cities/jinjiang")
    #: Where everything that heyi writes lives: database, recordings, Asterisk's run-time folder.
    data: Path = Path(".heyi/var")
    #: Where downloaded things live: Asterisk, models, voices.
    cache: Path = Path.home() / ".cache" / "heyi"
    #: SQLAlchemy address; empty means SQLite in ``data``.
    database_url: str = ""

    #: Address that SIP, RTP, Asterisk's HTTP and the desk listen on.
    host: str = Field(default="127.0.0.1", pattern=_ONE_LINE)
    sip_port: int = Field(default=5060, ge=1, le=65535)
    #: Asterisk's HTTP server, which carries the browsers' SIP over WebSocket.
    sip_ws_port: int = Field(default=8088, ge=1, le=65535)
    rtp_start: int = Field(default=10000, ge=1, le=65535)
    rtp_end: int = Field(default=11999, ge=1, le=65535)
    ami_port: int = Field(default=5038, ge=1, le=65535)
    ami_user: str = Field(default="heyi", pattern=_ONE_LINE)
    #: Empty means one made from the site's secret.
    ami_secret: str = Field(default="", pattern=_ONE_LINE)
    #: Where Asterisk delivers the live audio of both legs.
    media_port: int = Field(default=9093, ge=1, le=65535)
    #: Where Asterisk asks what the voice before a person says; loopback only.
    agi_port: int = Field(default=4573, ge=1, le=65535)
    #: Callers of service lines meet the city's voice flows (docs/ivr.md); false: they go straight to the queue.
    voice: bool = True
    desk_port: int = Field(default=8000, ge=1, le=65535)
    #: The city's telephone exchange: calls from this address are callers, calls out go there.
    trunk_host: str = Field(default="127.0.0.2", pattern=_ONE_LINE)
    trunk_port: int = Field(default=5062, ge=1, le=65535)

    #: Root of an Asterisk laid out as Debian does (``/`` for the machine's own); empty means the one that ``./run``
    #: fetched into ``cache``.
    asterisk_prefix: Path | None = None
    #: Name of this Asterisk node, the head of its calls' ids.
    node: str = Field(default="hy1", pattern=r"^[a-z][a-z0-9]{0,15}$")
    #: Seconds after which an unanswered emergency rings every emergency desk.
    last_resort_s: int = Field(default=25, ge=5, le=300)
    #: Seconds that one desk's telephone rings; then the caller goes to the next, and the desk is set aside.
    ring_s: int = Field(default=15, ge=5, le=120)
    #: Seconds of one round in the queue for a service call; it is told that it is not forgotten and goes on.
    service_round_s: int = Field(default=60, ge=5, le=3600)
    #: Seconds between two questions to the exchange, and between two synthetic calls to the same line; 0: none.
    trunk_check_s: int = Field(default=30, ge=0, le=86400)
    line_check_s: int = Field(default=3600, ge=0, le=604800)
    #: Seconds of wrap-up after a call (话后处理); the call taker may end it earlier.
    wrapup_s: int = Field(default=30, ge=0, le=3600)
    #: Megabytes that must be free before heyi starts; a call needs 4 MB a minute.
    min_free_mb: int = Field(default=200, ge=0)
    #: Days that recordings are kept, from the end of their call (docs/recordings.md); 0: for ever.
    recording_days: int = Field(default=365, ge=0, le=36500)
    #: Make the logins of the city's people.yaml, whose passwords everybody knows. The demonstration sets it.
    demo_people: bool = False
    #: Recognition processes; two of one thread beat one of two (docs/speech.md).
    asr_workers: int = Field(default=2, ge=1, le=64)
    #: Seconds from a department's report to the first callback, and the city's quiet hours (empty: none).
    callback_first_s: float = Field(default=600, ge=0)
    callback_quiet: str = Field(default="21:00-08:30", pattern=rf"^({_HOUR}-{_HOUR})?$")
    #: Gateway of text messages for callbacks (docs/callbacks.md) and the secret that signs both ways; empty: none.
    sms_url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    sms_secret: str = Field(default="", pattern=_ONE_LINE)
    #: Address of the desk as people outside reach it, for links in text messages; empty: no links.
    public_url: str = Field(default="", pattern=r"^(https?://\S*[^/\s])?$")
    #: Networks inside, besides all public addresses over https, that messages to other systems may go to: 10.0.0.0/8.
    hook_networks: str = Field(default="", pattern=_ONE_LINE)
    #: Server that replies to letters leave by (docs/doors.md); empty: no email is sent.
    mail_host: str = Field(default="", pattern=_ONE_LINE)
    mail_port: int = Field(default=587, ge=1, le=65535)
    mail_user: str = Field(default="", pattern=_ONE_LINE)
    #: File whose content is the mail server's password.
    mail_secret_file: Path | None = None
    #: Address that email comes from.
    mail_from: str = Field(default="", pattern=_ONE_LINE)
    #: ``starttls``, ``tls`` from the first byte, or ``none`` (no password is sent then but to this machine).
    mail_tls: Literal["starttls", "tls", "none"] = "starttls"
    #: Hours until a password is asked again, however busy its person is: one long shift with its handover.
    session_hours: int = Field(default=13, ge=1, le=24)
    #: Minutes after which a session that nobody used is over; an open page of a desk or the wallboard uses it.
    session_idle_min: int = Field(default=240, ge=5, le=1440)
    #: Roles, with spaces between them, that need a second factor to get in: ``administrator auditor supervisor``.
    factor_roles: str = Field(default="", pattern=r"^[a-z ,]*$")
    #: Single sign-on (docs/access.md): the provider's address, as it names itself; empty: none.
    oidc_issuer: str = Field(
        default="", pattern=r"^(https://[^\s?#]+|http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/[^\s?#]*)?)?$"
    )
    #: What the provider knows heyi by.
    oidc_client_id: str = Field(default="", pattern=_ONE_LINE)
    oidc_client_secret: str = Field(default="", pattern=_ONE_LINE)
    oidc_scopes: str = Field(default="openid profile", pattern=r"^openid( \S+)*$")
    #: Whether the provider asks for the password each time (``login``), for whom (``select_account``), or as it likes:
    #: a desk's computer passes from shift to shift.
    oidc_prompt: Literal["login", "select_account", ""] = "login"
    #: Claim that is the login. Not the e-mail, which many may choose for themselves.
    oidc_login_claim: Annotated[str, AfterValidator(_no_mail)] = Field(default="preferred_username", min_length=1)
    #: Claim whose values give the role, and which gives which: ``hotline=agent leads=supervisor``, the first that fits.
    #: Empty: only logins that the administrator made come in.
    oidc_role_claim: str = ""
    oidc_roles: str = Field(default="", pattern=r"^(\S+=[a-z]+( +\S+=[a-z]+)*)?$")
    #: Claims that are desk and department or area; empty: the administrator gives them.
    oidc_desk_claim: str = ""
    oidc_area_claim: str = ""
    #: Words in the provider's ``amr`` or ``acr`` that count as a second factor here: ``mfa otp hwk``; empty: none do.
    oidc_factors: str = ""
    #: Address of the desk as its people reach it, to which sign-ins come back; empty: as their browser names it.
    desk_url: str = Field(default="", pattern=r"^(https?://\S*[^/\s])?$")
    #: The site's secret, from which session keys and telephone passwords are made; empty: made once, kept in ``data``.
    secret: str = Field(default="", pattern=_ONE_LINE)

    @property
    def db_url(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.data.resolve() / 'heyi.db'}"

    @property
    def city_folder(self) -> CityFolder:
        """The city's files with what its administrators changed, which lies in ``data`` by the folder's name."""
        return CityFolder(self.city, self.data / "city" / self.city.resolve().name)

    @property
    def recordings(self) -> Path:
        """Folder of finished and running recordings (Asterisk writes, the desk reads)."""
        return self.data / "asterisk" / "spool" / "monitor"
