"""The many ways in which a log can hold a secret, each as text, as a JSON value and in JSON within JSON."""
# ruff: noqa: E501 - one way a line

import json
from typing import Any

import pytest

from agent.redact import RedactSettings, SecretRedactor, make_redactor

S = "Zk9xQ2vLm4Tr8"
B40 = "wJalrXUtnFEMIK7MDENGbPxRfiCYzEXAMPLEKEYx"
BASIC = "dXNlcjpwYXNzd29yZDEyMw"

WAYS = [
    # commands
    f"mysqldump -uroot -p{S} db", f"mysql -u root -p {S} db", f"mysql --password {S}", f"curl -u alice:{S} https://x", f"curl --user 'alice:{S}' x",
    f"wget --http-password={S}", f"sshpass -p{S} ssh x", f"sshpass -p {S} ssh x", f"redis-cli -a {S} ping", f"PGPASSWORD={S} psql", f"export MYSQL_PWD={S}",
    f"docker login -u bob -p {S} reg", f"ldapsearch -x -D cn=admin -w {S} -b dc", f"openssl enc -pass pass:{S} -in x", f"smbclient //h/s -U bob%{S}",
    f"htpasswd -b /etc/h bob {S}", f"echo '{S}' | sudo -S ls", f"echo {S} | docker login --password-stdin", f"vault login {S}",
    f"kubectl create secret generic x --from-literal=foo={S}", f"sqlcmd -S h -U sa -P {S}", f"xfreerdp /u:bob /p:{S} /v:h", f"sqlplus scott/{S}@orcl",
    f"aws configure set aws_secret_access_key {B40}", f"npm config set //r/:_authToken {S}", f"['--password', '{S}']", f'["--password","{S}"]',
    f'["mysql","-uroot","-p{S}"]', f'["mysql","-p","{S}"]', f"mysql\0-p{S}\0db", f'a0="mysql" a1="-u" a2="root" a3="-p{S}"', f'a0="x" a1="--token" a2="{S}"',
    # statements
    f"ALTER USER bob IDENTIFIED WITH mysql_native_password BY '{S}'", f"CREATE ROLE x LOGIN PASSWORD '{S}'", f"SET PASSWORD = '{S}'",
    f"GRANT ALL ON *.* TO 'a'@'b' IDENTIFIED BY PASSWORD '{S}'", f"INSERT INTO users(name,password) VALUES('bob','{S}')",
    f"INSERT INTO users (name, password, x) VALUES ('a', 'b', 1), ('bob', '{S}', 2)", f"UPDATE users SET password=MD5('{S}')", f"select pgp_sym_encrypt('x','{S}')",
    f"CREATE LOGIN bob WITH PASSWORD = N'{S}'", f"select crypt('{S}', gen_salt('bf'))", f"SET PASSWORD FOR 'a'@'b' = PASSWORD('{S}')",
    # connections and URLs
    f"Server=x;User Id=sa;Password={S};", f"Server=x;Uid=sa;Pwd={S};Database=y", f"Server=x;Password={S} and more;Database=y", f"AccountName=a;AccountKey={B40}==;EndpointSuffix=core",
    f"jdbc:mysql://h/db?user=root&password={S}&ssl=1", f"jdbc:oracle:thin:scott/{S}@//h:1521/x", f"amqp://u:{S}@h", f"redis://:{S}@h:6379/0", f"mongodb://u:{S}@h1,h2/db",
    f"https://{S}{S}@sentry.example.com/12", f"https%3A%2F%2Fu%3A{S}%40h", f"GET /?password={S} HTTP/1.1", f"GET /?pass%77ord={S} HTTP", f"/cb#access_token={S}&x",
    f"?q=1&amp;token={S}&amp;z", f"password%3D{S}%26x", f"next=%2Fa%3Ftoken%3D{S}%26b", f"%7B%22password%22%3A%22{S}%22%7D", f"%257B%2522password%2522%253A%2522{S}%2522%257D",
    f"user[password]={S}", f"user%5Bpassword%5D={S}", f"data.password[]={S}", f"password[0]={S}",
    # quotes of all kinds
    f"\\x22password\\x22:\\x22{S}\\x22", f"&quot;password&quot;:&quot;{S}&quot;", f"{{'password': '{S}'}}", f'{{"password":"{S}"}}', f'"{{""password"":""{S}""}}"', f"password=b'{S}'",
    # markup
    f"<password>{S}</password>", f"&lt;password&gt;{S}&lt;/password&gt;", f"<ns:Password Type='x'>{S}</ns:Password>", f"<password><![CDATA[{S}]]></password>",
    f'<user name="bob" password="{S}"/>', f'<property name="db.password" value="{S}"/>', f'<property name="db.password">{S}</property>', f"<entry key='api_key'>{S}</entry>",
    # settings of many languages
    f"password: {S}\nuser: x", f'password: "{S}"', f"  password: |\n    {S}\n  x: 1", f"password: >-\n  {S}", f"- name: DB_PASSWORD\n  value: {S}", f"db:\n  pass: {S}",
    f"spring.datasource.password={S}", f'password = "{S}"', f":password => '{S}'", f'{{:password=>"{S}"}}', f"map[password:{S} user:bob]", f"{{User:bob Password:{S}}}",
    f"User(name=bob, password={S})", f"User{{password='{S}'}}", f"[password] => {S}", f'["password"]=>\n  string(13) "{S}"', f's:8:"password";s:13:"{S}";', f"password -> {S}", f"passphrase: correct {S} battery staple",
    # headers and forms
    f"Authorization: Basic {BASIC}==", f"authorization: token {S}", f"X-Auth-Token: {S}", f"Cookie: sid={S}; b=2", f"Set-Cookie: session={S}; Path=/", f"[('authorization', 'Bearer {S}')]",
    f"(b'authorization', b'Bearer {S}')", f"got Basic {BASIC}== there", f'"auth":"{BASIC}=="', f'Content-Disposition: form-data; name="password"\r\n\r\n{S}\r\n--x',
    # split over name and value
    f'{{"name":"password","value":"{S}"}}', f"name=password value={S}", f"key=api_key value={S}", f'{{"Key":"DB_PASSWORD","Value":"{S}"}}', f'{{"value":"{S}","name":"token"}}',
    f'{{"field":"password","old":"{S}","new":"{S}"}}', f"field=password old={S} new={S}", f'{{"type":"password","value":"{S}"}}', f'{{"header":"X-Api-Key","content":"{S}"}}',
    # sentences and files of words
    f"the password is {S}.", f"PASSWORD {S}", f"password '{S}'", f"login bob password {S}", f"username admin password 7 {S}", f"enable secret 5 {S}", f"requirepass {S}", f"AUTH {S}",
    f'"AUTH" "{S}"', f'"auth" "default" "{S}"', f"USER bob PASS {S}", f"AKIAIOSFODNN7EXAMPLE:{B40}", f"AKIAIOSFODNN7EXAMPLE {B40}",
    # names
    f"PASSWORD:{S}", f"pwd={S}", f"dbpwd={S}", f"SECRET_KEY={S}", f"secret_key_base: {S}", f"aws_secret_access_key = {B40}", f"secretAccessKey: '{B40}'", f"apikey={S}", f"x-functions-key: {S}",
    f"refresh_token={S}", f"password_confirmation={S}", f"passwordConfirm={S}", f"password2={S}", f"token_1: {S}", f"sudo_pass={S}", f"userPass={S}", f"access_token_secret={S}", f"SecretString: {S}", "otp=482913 ok",
    "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nAAAAIHq3kf9Zk9xQ2vLm4Tr8+abc=\nPrivate-MAC: 12ab34cd",
]  # fmt: skip
CARDS = ["card 4111111111111111", "pan=4111-1111-1111-1111", "cc: 4111 1111 1111 1111", "amex 378282246310005", "charged 5555555555554444 ok", "x=6011000990139424", "/pay?card=4111111111111111&a=1"]  # fmt: skip
NEEDLES = [S, B40, BASIC, "482913", "4111", "378282246310005", "5555555555554444", "6011000990139424"]


def shown_as_text(redactor: SecretRedactor, way: str) -> str:
    assert redactor.suspects(way.encode())
    return redactor.text(way)


def shown_as_value(redactor: SecretRedactor, given: Any) -> str:
    line = json.dumps(given)
    assert redactor.suspected([line.encode()]) == [0]
    return json.dumps(redactor.value(json.loads(line)))


@pytest.mark.parametrize("way", [*WAYS, *CARDS])
def test_no_secret_stays_however_it_is_written(way: str) -> None:
    redactor = make_redactor(RedactSettings())
    assert isinstance(redactor, SecretRedactor)
    for shown in (
        shown_as_text(redactor, way),
        shown_as_value(redactor, {"msg": way, "n": 1}),
        shown_as_value(redactor, {"body": json.dumps({"msg": way})}),
    ):
        assert not [needle for needle in NEEDLES if needle in shown], shown
        assert "[REDACTED]" in shown
    assert redactor.text(redactor.text(way)) == redactor.text(way)


TOKENS = {
    "google_oauth": "ya29." + "a0AfH6SM" * 5, "azure_secret": "abc8Q~" + "dEf1_.~x" * 4 + "y", "digitalocean_token": "dop_v1_" + "0a1b2c3d" * 8, "vault_token": "hvs." + "CAESI" * 6,
    "atlassian_token": "ATATT3xFfGF0" + "aB3d" * 10, "databricks_token": "dapi" + "0a1b2c3d" * 4, "grafana_token": "glsa_" + "aB3d" * 8 + "_1234abcd",
    "telegram_token": "123456789:AA" + "b3_-" * 8 + "c", "twilio_key": "SK" + "0a1b2c3d" * 4, "mailgun_key": "key-" + "0a1b2c3d" * 4, "shopify_token": "shpat_" + "0a1b2c3d" * 4,
    "square_token": "sq0atp-" + "aB3d" * 5 + "_x", "heroku_key": "HRKU-AA" + "aB3d" * 14, "anthropic_key": "sk-ant-api03-" + "aB3_" * 20, "harness_token": "pat." + "aB3d" * 5 + "xy." + "0a1b2c3d" * 3 + "." + "aB3d" * 5,
    "terraform_token": "aB3daB3daB3dxy.atlasv1." + "aB3_" * 15, "other_token": "hf_" + "aBcd" * 9, "mailchimp_key": "0a1b2c3d" * 4 + "-us12", "discord_token": "MTIzNDU2Nzg5MDEyMzQ1Njc4" + ".aB3_-x." + "aB3d" * 7,
}  # fmt: skip


@pytest.mark.parametrize(("rule", "token"), TOKENS.items())
def test_tokens_of_services_are_known_by_their_shape(rule: str, token: str) -> None:
    redactor = make_redactor(RedactSettings())
    assert isinstance(redactor, SecretRedactor)
    for shown in (
        shown_as_text(redactor, f"x {token} y"),
        shown_as_value(redactor, {"msg": f"({token})"}),
        shown_as_text(redactor, f"?x=1%3D{token}"),
    ):
        assert token not in shown
    assert redactor.counts == {rule: 3}


@pytest.mark.parametrize(
    "text",
    [
        "invalid token: expired", "password: must be at least 12 characters", "error: invalid password: user not found", "token_type: Bearer", "password_changed_at: 2026-11-21",
        "secretName: x", "hashed_token=Zk9xQ2vLm4Tr8", "nextToken: abc", "accessKeyId=x1", "token_id=81923", "tokenIssuer: https://x", "credentialType=password",
        "pam_unix(passwd:chauthtok): password changed for bob", "docker run -p 8080:80 app", "psql -p 5432 -U app", "order 4539578763621486 shipped", "/orders/4111111111111111/items",
        '"order_id":"4111111111111111"', "order_4111111111111111", "t=1795270000123456", "sha256:" + "0a1b2c3d" * 8, "sha512-" + "aB3d" * 21 + "aB==", '["password","mfa"]', "fields: [id, password, email]",
        "password=${DB_PASSWORD}", "password={{ .Values.password }}", "password=********", "token=<redacted>", "AROA2K0F6ALFHT1I2SPWD:rupert", "pass=57 fail=0", "Cookie consent accepted",
        '{"resource":"secrets","name":"db-password","namespace":"default"}', "authorization.k8s.io/decision: allow", "PASS: TestPasswordReset", "curl/8.5.0 -", "password reset requested by bob7",
    ],
)  # fmt: skip
def test_what_only_speaks_of_secrets_stays(text: str) -> None:
    redactor = make_redactor(RedactSettings())
    assert redactor.text(text) == text
    assert redactor.value({"msg": text}) == {"msg": text}
    assert not redactor.counts
