"""Downloads from a server on this machine that has every fault a real one has, and archives that mean harm."""

import gzip
import hashlib
import shutil
import tarfile

import pandas as pd
import pytest
from loopback import packed

from ganreg.errors import InputError
from ganreg.get import archive, download, ixi
from ganreg.get.settings import Ixi

CONTENT = bytes(range(256)) * 12_000
CHECKSUM = hashlib.md5(CONTENT).hexdigest()
IMPATIENT = {"timeout": 0.5, "pause": 0.01}


@pytest.fixture
def server(server):
    server.files["file"] = CONTENT
    return server


def test_a_file_comes_whole_and_is_not_asked_for_again(server, tmp_path):
    for _ in range(2):
        download.fetch(server.url("file"), tmp_path / "new" / "file", CHECKSUM, **IMPATIENT)
    assert (tmp_path / "new" / "file").read_bytes() == CONTENT
    assert server.asked == [None]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


@pytest.mark.parametrize("fault", ["cut", "stall"])
def test_what_was_cut_off_goes_on_where_it_was(fault, server, tmp_path):
    server.faults = [fault, 503]
    download.fetch(server.url("file"), tmp_path / "file", CHECKSUM, **IMPATIENT)
    assert (tmp_path / "file").read_bytes() == CONTENT
    # a block that had come in part only is asked for again
    first, second, third = server.asked
    assert first is None
    assert second == third
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= len(CONTENT) // 2


def test_a_later_call_goes_on_and_a_server_without_ranges_starts_anew(server, tmp_path):
    (tmp_path / ".file.part").write_bytes(CONTENT[:1000])
    download.fetch(server.url("file"), tmp_path / "file", CHECKSUM, **IMPATIENT)
    (tmp_path / ".other.part").write_bytes(b"of another file")
    server.faults = ["no ranges"]
    download.fetch(server.url("file"), tmp_path / "other", CHECKSUM, **IMPATIENT)
    assert server.asked == ["bytes=1000-", "bytes=15-"]
    assert (tmp_path / "file").read_bytes() == (tmp_path / "other").read_bytes() == CONTENT


def test_a_complete_part_is_only_checked(server, tmp_path):
    (tmp_path / ".file.part").write_bytes(CONTENT)
    download.fetch(server.url("file"), tmp_path / "file", CHECKSUM, **IMPATIENT)
    assert (tmp_path / "file").read_bytes() == CONTENT
    # what the server answers to that is no file
    assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_a_page_in_the_files_place_costs_nothing_of_what_has_come(server, tmp_path):
    (tmp_path / ".file.part").write_bytes(CONTENT[:100_000])
    server.files["page"] = b"<html>log in first</html>"
    server.faults = ["no ranges"] * download.ATTEMPTS
    with pytest.raises(InputError, match="found 25 bytes instead of the rest after 100000"):
        download.fetch(server.url("page"), tmp_path / "file", CHECKSUM, **IMPATIENT)
    assert (tmp_path / ".file.part").read_bytes() == CONTENT[:100_000]


def test_a_wrong_checksum_leaves_nothing_behind(server, tmp_path):
    with pytest.raises(InputError, match=f"file: expected MD5 {'0' * 32}, found {CHECKSUM}, from .*: nothing was kept"):
        download.fetch(server.url("file"), tmp_path / "file", "0" * 32, **IMPATIENT)
    assert list(tmp_path.iterdir()) == []


def test_another_file_of_that_name_is_neither_used_nor_overwritten(server, tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"file: expected MD5 .*, found .*: remove it and start again"):
        download.fetch(server.url("file"), tmp_path / "file", CHECKSUM, **IMPATIENT)
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_missing_file_is_asked_for_once_and_an_ill_server_five_times(server, tmp_path):
    with pytest.raises(InputError, match=r"found HTTP status 404 .or put the file there by hand"):
        download.fetch(server.url("nothing"), tmp_path / "file", CHECKSUM, **IMPATIENT)
    assert len(server.asked) == 1
    server.faults = [500] * 9
    with pytest.raises(InputError, match=r"expected a download from .*, found HTTP status 500"):
        download.fetch(server.url("file"), tmp_path / "file", CHECKSUM, **IMPATIENT)
    assert len(server.asked) == 1 + download.ATTEMPTS


def test_no_network_is_one_line_that_says_what_to_put_where(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}/file: expected a download .*by hand, MD5 {CHECKSUM}"):
        download.fetch("http://127.0.0.1:9/file", tmp_path / "file", CHECKSUM, **IMPATIENT)


def test_a_full_disk_is_found_out_before_a_byte_is_written(server, tmp_path, monkeypatch):
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with pytest.raises(InputError, match=r"expected 0\.3 GB of free disk, found 0\.0 GB"):
        download.fetch(server.url("file"), tmp_path / "file", CHECKSUM, **IMPATIENT)
    assert list(tmp_path.iterdir()) == []


def listed(server, megabytes=3.0, md5=""):
    """A table of downloads with the one file of the server, in a folder of its own."""
    server.files["folder/file"] = server.files["file"]
    source = download.Source("some", "Some", server.url(""), "CC0", "nobody")
    return source, pd.DataFrame([["folder/file", md5, megabytes]], columns=COLUMNS)


COLUMNS = ["path", "md5", "megabytes"]


def test_what_has_no_stated_checksum_is_checked_once_recorded_and_expected_from_then_on(server, tmp_path):
    seen = []
    for _ in range(2):
        (path,) = download.fetch_all(*listed(server), tmp_path, check=seen.append, **IMPATIENT)
    assert seen == [tmp_path / "folder" / ".file.part"]
    assert (tmp_path / download.RECORD).read_text() == f"{CHECKSUM}  folder/file\n"
    path.unlink()
    server.files["file"] = CONTENT[::-1]
    with pytest.raises(InputError, match=rf"expected MD5 {CHECKSUM}, found .*{download.RECORD} has the MD5 of the fil"):
        download.fetch_all(*listed(server), tmp_path, **IMPATIENT)
    assert not path.exists()


def test_what_is_put_there_by_hand_without_a_checksum_is_checked_too(server, tmp_path):
    def refuse(path):
        raise InputError(f"{path}: expected an archive, found a letter")

    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"mine")
    with pytest.raises(InputError, match="folder/file: expected an archive, found a letter: remove it and start again"):
        download.fetch_all(*listed(server), tmp_path, check=refuse, **IMPATIENT)
    (tmp_path / "folder" / "file").unlink()
    with pytest.raises(InputError, match=r"file: expected an archive, found a letter, from http.*nothing was kept"):
        download.fetch_all(*listed(server), tmp_path, check=refuse, **IMPATIENT)
    assert list((tmp_path / "folder").iterdir()) == []
    assert not (tmp_path / download.RECORD).exists()


@pytest.mark.parametrize("fault", [None, "no length"])
def test_far_more_than_is_stated_is_refused(fault, server, tmp_path):
    server.faults = [fault]
    with pytest.raises(InputError, match=r"file: expected at most 2\.0 MB from .*, found more: nothing was kept"):
        download.fetch_all(*listed(server, megabytes=0.5), tmp_path, **IMPATIENT)
    assert list((tmp_path / "folder").iterdir()) == []


def entry(name, **values):
    info = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(info, key, value)
    return info


def unpack(path, folder):
    with archive.members(path, 10_000) as (opened, found):
        for name, member in found.items():
            archive.extract(opened, member, folder / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (packed(("good", b"1"), ("../evil", b"1")), r"expected paths inside the archive, found ../evil"),
        (packed(("/tmp/evil", b"1")), "expected paths inside the archive, found /tmp/evil"),
        (packed(entry("evil", type=tarfile.SYMTYPE, linkname="/etc/passwd")), "found a link or device: evil"),
        (packed(entry("evil", type=tarfile.LNKTYPE, linkname="good")), "found a link or device: evil"),
        (packed(entry("evil", type=tarfile.CHRTYPE)), "found a link or device: evil"),
        # the claim alone: the content ends long before
        (entry("huge", size=10**10).tobuf(), "expected at most 0 MB a file, found 10000: huge"),
        (b"<html>not found</html>" * 100, "expected a tar archive, found one that cannot be read"),
        (packed(("good", b"1" * 3000))[:1500], "expected a tar archive, found one that cannot be read"),
        # packed by gzip
        (gzip.compress(packed(("../evil", b"1")), mtime=0), r"expected paths inside the archive, found ../evil"),
        (
            gzip.compress(packed(entry("evil", type=tarfile.SYMTYPE, linkname="good")), mtime=0),
            "found a link or device: evil",
        ),
        (gzip.compress(packed(("good", b"1")), mtime=0)[:-20], "expected a tar archive, found one that cannot be read"),
        # a byte of gzip's own checksum
        (
            gzip.compress(packed(("good", b"1")), mtime=0)[:-8] + bytes(8),
            "expected a tar archive, found one that cannot be read",
        ),
        (gzip.compress(bytes(10**7), mtime=0), "expected at most 0 MB when unpacked, found more"),
    ],
)
def test_an_archive_that_means_harm_or_is_none_is_refused_and_writes_nothing(content, message, tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "some.tar"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        unpack(path, tmp_path / "in")
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["in", "some.tar"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_members_come_out_of_plain_and_packed_archives(pack, tmp_path):
    path = tmp_path / "some.tar"
    path.write_bytes(pack(packed(("a/first", b"1"), ("a/second", b"2" * 3000))))
    unpack(path, tmp_path)
    assert (tmp_path / "a" / "first").read_bytes() == b"1"
    assert (tmp_path / "a" / "second").read_bytes() == b"2" * 3000


def ixi_archives(server, first, second):
    """Archives of the real names on the server, and their addresses."""
    lines = []
    for modality, names in (("T1", first), ("T2", second)):
        content = packed(*((f"{name}-{modality}.nii.gz", f"{name} {modality}".encode()) for name in names))
        server.files[f"IXI-{modality}.tar"] = content
        md5 = hashlib.md5(content).hexdigest()
        lines.append({"path": f"IXI-{modality}.tar", "md5": md5, "megabytes": float("nan")})
    return download.Source("ixi", "IXI", server.url(""), "CC BY-SA 3.0", "IXI"), pd.DataFrame(lines)


ALL = Ixi(accept_licence=True)
SUBJECTS = ["IXI002-Guys-0828", "IXI012-HH-1211", "IXI035-IOP-0873", "IXI013-HH-1212"]


def test_ixi_becomes_a_bids_folder_and_who_lacks_an_image_is_named(server, tmp_path, capsys):
    addresses = ixi_archives(server, SUBJECTS, SUBJECTS[:3])
    ixi.get(*addresses, tmp_path / "participants.tsv", ALL, **IMPATIENT)
    table = pd.read_csv(tmp_path / "participants.tsv", sep="\t")
    assert table["participant_id"].tolist() == ["sub-IXI002", "sub-IXI012", "sub-IXI035"]
    assert table["site"].tolist() == ["Guys", "HH", "IOP"]
    image = tmp_path / "sub-IXI012" / "anat" / "sub-IXI012_T2w.nii.gz"
    assert image.read_bytes() == b"IXI012-HH-1211 T2"
    assert not (tmp_path / "sub-IXI013").exists()
    assert "sub-IXI013 (HH) is left out: IXI-T2.tar has no image of it" in capsys.readouterr().out


def test_the_part_of_ixi_that_is_chosen_lies_there_alone_and_another_takes_no_download(server, tmp_path):
    addresses = ixi_archives(server, SUBJECTS, SUBJECTS)
    for choice, expected in (
        ({"sites": ["HH"], "subjects": 1}, {"sub-IXI012"}),
        ({}, {"sub-IXI002", "sub-IXI012", "sub-IXI013", "sub-IXI035"}),
        ({"sites": ["HH"]}, {"sub-IXI012", "sub-IXI013"}),
    ):
        ixi.get(*addresses, tmp_path / "participants.tsv", Ixi(accept_licence=True, **choice), **IMPATIENT)
        assert {path.name for path in tmp_path.glob("sub-*")} == expected
    assert len(server.asked) == 2


def test_without_its_license_nothing_is_asked_for(server, tmp_path):
    addresses = ixi_archives(server, SUBJECTS, SUBJECTS)
    terms = r"\(accept_licence: true\): CC BY-SA 3\.0; cite: IXI; found false"
    with pytest.raises(InputError, match=f"ixi: expected the license to be accepted {terms}"):
        ixi.get(*addresses, tmp_path / "participants.tsv", Ixi(), **IMPATIENT)
    assert server.asked == []


def test_no_subject_with_both_images_is_one_line(server, tmp_path):
    addresses = ixi_archives(server, SUBJECTS[:1], SUBJECTS[1:])
    with pytest.raises(InputError, match="expected subjects of any site with both images, found none"):
        ixi.get(*addresses, tmp_path / "participants.tsv", ALL, **IMPATIENT)
    assert not (tmp_path / "participants.tsv").exists()
