"""`python -m minilm site`."""

from pathlib import Path

SUMMARY = "Build the course as a web site: lessons, explorer and an exercise, without installation."
EXAMPLE = "python -m minilm site --out _site"


def add_options(sub):
    """Add the options of this command."""
    sub.add_argument(
        "--out", metavar="DIR", default="_site", help="a new folder, or an older site (default _site)"
    )
    sub.add_argument(
        "--pyodide",
        metavar="FOLDER",
        help="Pyodide and its packages, to be copied into the site, which then asks nothing from elsewhere",
    )


def run(options):
    """Build the site, and say how to look at it."""
    from .. import site  # the tools are loaded only here

    site.build_site(options.out, options.pyodide)
    size = sum(path.stat().st_size for path in Path(options.out).rglob("*") if path.is_file())
    print(f"{options.out} holds the site, {size / 1e6:.0f} MB. Put it on any web server, or look at it here:")
    print(f"python -m http.server --bind 127.0.0.1 --directory {options.out}")
