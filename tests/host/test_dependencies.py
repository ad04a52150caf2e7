"""Dependencies: found as `mip` finds them, pinned by hash, and never asked for twice; a real web server."""

import datetime
import ipaddress
import json
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ophion.build import Network, build
from ophion.errors import BuildError, UsageError

MAIN = {"main.py": "import helper\nprint('got', helper.VALUE)\n"}
HELPER = b"VALUE = 7\n"


def with_index(web, text):
    return f'\n[dependencies]\n{text}\n[sources]\nindex = "{web.url}"\n'


@pytest.fixture
def helped(workshop, web):
    """An application that needs one package of the index."""
    web.package("helper", "1.2.0", {"helper.py": HELPER}, license="MIT")
    return workshop.app(MAIN, toml=with_index(web, 'helper = "1.2.0"'))


def test_a_package_of_the_index_is_compiled_into_lib_and_imported(helped, on_device):
    built = build(helped)
    assert [path for path, _ in built.files] == ["lib/helper.mpy", "main.mpy"]
    assert on_device(built.payload, "sys.path.insert(1, '/app/lib')\nimport main\n") == "got 7\n"


def test_the_lock_pins_every_file_and_the_index_is_asked_once(helped, web):
    first = build(helped)
    asked = list(web.asked)
    assert len(asked) == 2
    lock = json.loads((helped / "ophion.lock").read_text())
    (package,) = lock["packages"]
    (file,) = package["files"]
    assert (package["name"], package["version"], package["license"]) == ("helper", "1.2.0", "MIT")
    assert (file["path"], file["size"]) == ("lib/helper.py", len(HELPER))
    web.pages.clear()
    again = build(helped, Network(locked=True, offline=True))
    assert again.payload == first.payload
    assert web.asked == asked


def test_offline_without_a_cache_says_what_is_missing(helped, tmp_path):
    build(helped)
    with pytest.raises(BuildError, match=r"/file/\w\w/\w+ is not in the cache") as caught:
        build(helped, Network(offline=True, cache=tmp_path / "other"))
    assert "--offline" in caught.value.hint


def test_a_file_that_changed_since_it_was_locked_is_refused(helped, web, tmp_path):
    build(helped)
    (path,) = [path for path in web.pages if path.startswith("/file/")]
    web.pages[path] = b"VALUE = 666\n"
    with pytest.raises(BuildError, match="is not the file of the lock: SHA-256") as caught:
        build(helped, Network(cache=tmp_path / "other"))
    assert "--update" in caught.value.hint
    with pytest.raises(BuildError, match="is not what the index lists"):
        build(helped, Network(update=True, cache=tmp_path / "third"))


def test_a_damaged_cache_is_fetched_again(helped, web, tmp_path):
    first = build(helped)
    cached = [path for path in (tmp_path / "cache" / "sha256").rglob("*") if path.is_file()]
    assert len(cached) == 2
    for path in cached:
        path.write_bytes(b"rotten")
    before = len(web.asked)
    assert build(helped).payload == first.payload
    assert len(web.asked) == before + 1, "the file; the package.json is in the lock"


def test_latest_is_what_it_was_until_an_update(workshop, web):
    web.package("helper", "1.0.0", {"helper.py": HELPER})
    folder = workshop.app(MAIN, toml=with_index(web, 'helper = "latest"'))
    first = build(folder)
    web.package("helper", "2.0.0", {"helper.py": b"VALUE = 8\n"})
    assert build(folder).payload == first.payload
    for other in ({"locked": True}, {"offline": True}):
        with pytest.raises(UsageError, match="--update"):
            Network(update=True, **other)
    updated = build(folder, Network(update=True))
    assert updated.payload != first.payload
    assert [package.version for package in updated.packages] == ["2.0.0"]


def test_locked_builds_refuse_a_dependency_that_the_lock_does_not_know(helped, web):
    with pytest.raises(BuildError, match=r"dependency helper: helper@1\.2\.0 is not in the lock"):
        build(helped, Network(locked=True))
    assert web.asked == [] and not (helped / "ophion.lock").exists()


def test_a_new_dependency_leaves_the_others_where_they_are(helped, web):
    build(helped)
    web.package("helper", "1.2.0", {"helper.py": b"VALUE = 99\n"})
    web.package("more", "0.1.0", {"more.py": b"pass\n"})
    text = (
        (helped / "ophion.toml").read_text().replace('helper = "1.2.0"', 'helper = "1.2.0"\nmore = "0.1.0"')
    )
    (helped / "ophion.toml").write_text(text)
    built = build(helped)
    assert [part.origin for part in built.parts if part.path == "lib/helper.mpy"] == [HELPER]
    (helped / "ophion.toml").write_text(text.split("[dependencies]")[0])
    (helped / "main.py").write_text("pass\n")
    assert build(helped).packages == ()
    assert not (helped / "ophion.lock").exists()


def test_needs_of_packages_come_along_once_and_may_be_a_ring(workshop, web):
    web.package("a", "1.0", {"a/__init__.py": b"import b\n"}, needs=[["b", "latest"]])
    web.package("b", "1.0", {"b.py": b"pass\n"}, needs=[["a", "latest"], ["b", "latest"]])
    folder = workshop.app({"main.py": "import a\n"}, toml=with_index(web, 'a = "latest"'))
    built = build(folder)
    assert [path for path, _ in built.files] == ["lib/a/__init__.mpy", "lib/b.mpy", "main.mpy"]
    assert [package.name for package in built.packages] == ["a", "b"]
    assert sum("/package/" in path for path in web.asked) == 2


PLACES = [
    ("github", "github:org/repo@v1", "/org/repo/v1/{}"),
    ("github", "github:org/repo/sub@v1", "/org/repo/v1/sub/{}"),
    ("github", "github:org/repo", "/org/repo/HEAD/{}"),
    ("gitlab", "gitlab:org/repo@main", "/org/repo/-/raw/main/{}"),
    ("codeberg", "codeberg:org/repo@v2", "/org/repo/raw/{}?ref=v2"),
]


@pytest.mark.parametrize(("host", "source", "path"), PLACES)
def test_a_repository_has_a_package_json(workshop, web, host, source, path):
    package = {"version": "3.0", "urls": [["helper.py", "src/helper.py"], ["other.py", f"{host}:x/y/o.py"]]}
    ref = source.partition("@")[2] or "HEAD"
    other = {"github": f"/x/y/{ref}/o.py", "gitlab": f"/x/y/-/raw/{ref}/o.py"}
    web.pages[path.format("package.json")] = json.dumps(package).encode()
    web.pages[path.format("src/helper.py")] = HELPER
    web.pages[other.get(host, f"/x/y/raw/o.py?ref={ref}")] = b"pass\n"
    toml = f'\n[dependencies]\nhelper = "{source}"\n[sources]\n{host} = "{web.url}/"\n'
    built = build(workshop.app(MAIN, toml=toml))
    assert [path for path, _ in built.files] == ["lib/helper.mpy", "lib/other.mpy", "main.mpy"]
    assert built.packages[0].version == "3.0"


def test_one_file_of_a_repository_or_of_any_server(workshop, web):
    web.pages["/org/repo/v1/drivers/helper.py"] = HELPER
    web.pages["/far/away.py"] = b"pass\n"
    web.pages["/dir/package.json"] = json.dumps({"urls": [["deep/x.bin", "x.bin"]]}).encode()
    web.pages["/dir/x.bin"] = b"\x00\x01"
    lines = [
        'helper = "github:org/repo/drivers/helper.py@v1"',
        f'away = "{web.url}/far/away.py"',
        f'dir = "{web.url}/dir"',
        f'[sources]\ngithub = "{web.url}"',
    ]
    built = build(workshop.app(MAIN, toml="\n[dependencies]\n" + "\n".join(lines) + "\n"))
    assert [path for path, _ in built.files] == [
        "lib/away.mpy",
        "lib/deep/x.bin",
        "lib/helper.mpy",
        "main.mpy",
    ]


def test_places_on_this_computer_are_read_at_every_build(workshop, tmp_path):
    for name, data in {"tree/helper.py": HELPER, "tree/sub/t.txt": b"t", "one.py": b"pass\n"}.items():
        (tmp_path / "near" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "near" / name).write_bytes(data)
    (tmp_path / "near" / "package.json").write_text(json.dumps({"urls": [["named.py", "one.py"]]}))
    toml = '\n[dependencies]\ntree = "../near/tree"\none = "../near/one.py"\nnamed = "../near/package.json"\n'
    folder = workshop.app(MAIN, toml=toml)
    built = build(folder, Network(offline=True))
    paths = ["lib/helper.mpy", "lib/named.mpy", "lib/one.mpy", "lib/sub/t.txt", "main.mpy"]
    assert [path for path, _ in built.files] == paths
    assert str(tmp_path) not in (folder / "ophion.lock").read_text()
    build(folder, Network(locked=True))
    (tmp_path / "near" / "tree" / "helper.py").write_text("VALUE = 8\n")
    with pytest.raises(BuildError, match="is not what the dependencies are now"):
        build(folder, Network(locked=True))
    assert build(folder).payload != built.payload


BAD_PLACES = [
    ('x = "1 2"', "neither a version nor a place"),
    ('x = ""', "neither a version nor a place"),
    ("x = 3", "x is 3, not a text"),
    ('"a/b" = "1.0"', "'a/b' is not the name of a package"),
    ('x = "github:org"', "not of the form github:ORG/REPO"),
    ('x = "github:org/repo@a b"', "'a b' is not a branch or tag"),
    ('x = "https://host"', "names no file"),
    ('x = "../nothing"', "no such file or folder"),
    ('x = "../nothing.py"', "not found"),
]


@pytest.mark.parametrize(("line", "words"), BAD_PLACES)
def test_a_bad_place_is_named_with_its_dependency(workshop, line, words):
    folder = workshop.app(MAIN, toml=f"\n[dependencies]\n{line}\n")
    with pytest.raises(BuildError, match=words) as caught:
        build(folder)
    assert "dependency x" in caught.value.message or "ophion.toml:6:" in caught.value.message
    assert not (folder / "ophion.lock").exists()


BAD_ANSWERS = [
    (b"{", "is not a package.json"),
    (b"[]", "is not a package.json"),
    (b'{"urls": [["x.py"]]}', "is not a package.json"),
    (b'{"urls": [["../../x.py", "http://localhost/x.py"]]}', "'../../x.py' is not a path inside"),
    (b'{"urls": [["/x.py", "http://localhost/x.py"]]}', "'/x.py' is not a path inside"),
    (b'{"hashes": [["x.py", "00112233"]]}', r"/file/00/00112233: HTTP 404"),
    (b'{"deps": [["../secret", ""]]}', "a file of this computer"),
    (b'{"deps": [["a b", ""]]}', "'a b' is not a package and a version"),
    (b'{"deps": [["gone", "1"]]}', r"dependency x, which needs gone@1: .*gone/1.json: HTTP 404"),
    ((500, {}, b""), "HTTP 500"),
    ((302, {"Location": "file:///etc/passwd"}, b""), "HTTP 302 .*file:///etc/passwd"),
    ((302, {"Location": "/package/py/x/1.json"}, b""), "HTTP 302"),
]


@pytest.mark.parametrize(("answer", "words"), BAD_ANSWERS)
def test_a_bad_answer_is_one_error_and_writes_nothing(workshop, web, answer, words):
    web.pages["/package/py/x/1.json"] = answer
    folder = workshop.app(MAIN, toml=with_index(web, 'x = "1"'))
    with pytest.raises(BuildError, match=words) as caught:
        build(folder)
    assert caught.value.message.startswith("dependency x") and "\n" not in caught.value.message
    assert not (folder / "ophion.lock").exists()


def test_a_server_that_is_not_there(workshop, web):
    web.stop()
    folder = workshop.app(MAIN, toml=with_index(web, 'x = "1"'))
    with pytest.raises(BuildError, match=r"cannot be fetched: .*refused"):
        build(folder)


def test_two_packages_with_another_file_of_one_name(workshop, web):
    web.package("a", "1", {"same.py": b"pass\n", "twin.py": b"pass\n"})
    web.package("b", "1", {"same.py": b"0\n", "twin.py": b"pass\n"})
    folder = workshop.app(MAIN, toml=with_index(web, 'a = "1"\nb = "1"'))
    with pytest.raises(BuildError, match=r"lib/same\.py is another file in a@1 and b@1"):
        build(folder)


def test_the_application_has_a_file_of_that_name_too(helped):
    (helped / "lib").mkdir()
    (helped / "lib" / "helper.py").write_text("pass\n")
    with pytest.raises(BuildError, match=r"lib/helper.py and http.* both become lib/helper.mpy"):
        build(helped)


BAD_LOCKS = [
    ("{", "JSONDecodeError"),
    ("[]", "TypeError"),
    ('{"ophion_lock": 2}', "its format is 2"),
    ('{"ophion_lock": 1, "packages": [], "sources": {"x": "y"}}', "TypeError"),
]


@pytest.mark.parametrize(("text", "words"), BAD_LOCKS)
def test_a_damaged_lock_says_what_to_do(helped, text, words):
    (helped / "ophion.lock").write_text(text)
    with pytest.raises(BuildError, match=f"is not a lock .*{words}") as caught:
        build(helped)
    assert "delete it" in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new"), [("lib/helper.py", "lib/../../x.py"), ('"sha256": "', '"sha256": "0')]
)
def test_a_lock_cannot_name_other_places(helped, old, new):
    build(helped)
    lock = helped / "ophion.lock"
    lock.write_text(lock.read_text().replace(old, new))
    with pytest.raises(BuildError, match="is not a lock"):
        build(helped)


def certificate(folder):
    """A certificate for localhost that signs itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(private + made.public_bytes(pem))
    return path


@pytest.fixture
def secure(web, tmp_path):
    """The web server behind TLS; its certificate."""
    path = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    web.server.socket = context.wrap_socket(web.server.socket, server_side=True)
    web.scheme = "https"
    return path


def test_https_with_a_trusted_certificate(secure, web, workshop, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(secure))
    web.package("helper", "1", {"helper.py": HELPER})
    assert build(workshop.app(MAIN, toml=with_index(web, 'helper = "1"'))).packages[0].name == "helper"


def test_https_with_a_certificate_that_nobody_knows(secure, web, workshop):
    web.package("helper", "1", {"helper.py": HELPER})
    with pytest.raises(BuildError, match=r"cannot be fetched: .*certificate"):
        build(workshop.app(MAIN, toml=with_index(web, 'helper = "1"')))
    assert web.asked == []


def test_https_does_not_lead_to_http(secure, web, workshop, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(secure))
    web.pages["/package/py/x/1.json"] = (302, {"Location": "http://localhost:1/x"}, b"")
    with pytest.raises(BuildError, match="redirected to http:"):
        build(workshop.app(MAIN, toml=with_index(web, 'x = "1"')))
