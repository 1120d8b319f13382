"""What pyproject.toml cannot say: the extension of the OTLP codec, and what is made of proto/.

Everything else about the package stands in pyproject.toml. The extension takes g++ and clang on
Linux and macOS, asks for no processor beyond its architecture's first, and keeps to the stable ABI:
one wheel (`cp311-abi3`) serves every Python from 3.11 on. On Linux it is a manylinux_2_34 where the
system's own libstdc++ is linked (std::to_chars for a double), which auditwheel says.
"""

import platform
from pathlib import Path

from grpc_tools import protoc
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError, PlatformError

NATIVE = Path("otlp/codec/native")
MISSING = """
Aura's OTLP codec is C++17 and needs a compiler that knows it (g++ 11 or clang 14, or newer):
on Debian and Ubuntu `apt install g++`, on Fedora `dnf install gcc-c++`, on macOS
`xcode-select --install`. What the compiler said stands above."""


class Describe(build_py):
    """Puts the descriptors of our own services beside what uses them."""

    def run(self) -> None:
        """Copy the packages, then write the descriptors; into the checkout where that is used."""
        super().run()
        folder = Path("." if self.editable_mode else self.build_lib)
        describe("aura/v1/storage.proto", folder / "storage" / "storage.binpb")


def describe(proto: str, target: Path) -> None:
    """Write the descriptors of a file in proto/."""
    arguments = ["-Iproto", f"--descriptor_set_out={target}", proto]
    if protoc.main(["protoc", *arguments]) != 0:
        raise SystemExit(f"proto/{proto} is no protobuf; what protoc said stands above")


class Build(build_ext):
    """Compiles, or says what is missing."""

    def build_extension(self, ext: Extension) -> None:
        """Compile the extension."""
        try:
            super().build_extension(ext)
        except (CompileError, PlatformError) as error:
            raise SystemExit(f"{error}\n{MISSING}") from error


arguments = ["-std=c++17", "-O3", "-fvisibility=hidden", "-Wall", "-Wextra"]
if platform.system() == "Darwin":
    # The first with std::to_chars for a double.
    arguments.append("-mmacosx-version-min=13.3")

setup(
    ext_modules=[
        Extension(
            "otlp.codec._native",
            sources=[str(NATIVE / "module.cpp")],
            depends=sorted(str(path) for path in NATIVE.glob("*.hpp")),
            extra_compile_args=arguments,
            language="c++",
            py_limited_api=True,
        )
    ],
    cmdclass={"build_ext": Build, "build_py": Describe},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
