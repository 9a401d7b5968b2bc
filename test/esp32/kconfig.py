# kconfig.py: reads the component's Kconfig as menuconfig does, and prints its defaults as a header; warnings are errors.
#
#   kconfig.py KCONFIG [NAME=y|n|number | ANOTHER_KCONFIG ...]

import os
import sys
import tempfile

import kconfiglib

# Symbols of ESP-IDF that the component's depend on.
FRAME = """
config SPIRAM
    bool "PSRAM"
config ESP_TLS_USING_MBEDTLS
    def_bool y
config MBEDTLS_CERTIFICATE_BUNDLE
    bool "Certificate bundle"
    default y
config MBEDTLS_HAVE_TIME
    def_bool y
config MBEDTLS_HAVE_TIME_DATE
    bool "Check the expiry of certificates"
    default n
config ESP_TLS_CLIENT_SESSION_TICKETS
    bool "Client session tickets"
    default n
config FREERTOS_UNICORE
    bool "One core"
    default n
config IDF_TARGET_LINUX
    bool "A PC"
    default n
config LWIP_IPV6
    bool "IPv6"
    default y
"""

kconfigs = [argument for argument in sys.argv[1:] if "=" not in argument]
settings = [argument for argument in sys.argv[1:] if "=" in argument]

with tempfile.NamedTemporaryFile("w", suffix=".kconfig", delete=False) as file:
    file.write(FRAME)
    for path in kconfigs:
        file.write(f'source "{os.path.abspath(path)}"\n')
try:
    kconfig = kconfiglib.Kconfig(file.name, warn=True, warn_to_stderr=False)
finally:
    os.unlink(file.name)

for argument in settings:
    name, value = argument.split("=")
    symbol = kconfig.syms[name]
    symbol.set_value(value)
    if symbol.str_value != value:
        sys.exit(f"{name} can't be {value}")

for symbol in kconfig.unique_defined_syms:
    if symbol.str_value == "y":
        print(f"#define CONFIG_{symbol.name} 1")
    elif symbol.type == kconfiglib.INT and symbol.str_value != "":
        print(f"#define CONFIG_{symbol.name} {symbol.str_value}")
    elif symbol.type == kconfiglib.STRING:
        print(f'#define CONFIG_{symbol.name} "{symbol.str_value}"')
if kconfig.warnings:
    sys.exit("\n".join(kconfig.warnings))
