"""Drives a XAPI with nothing but Python's standard library; prints one JSON document."""

import http.client
import json
import socket
import ssl
import sys
import xmlrpc.client


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)


class SocketTransport(xmlrpc.client.Transport):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        return SocketConnection(self.path)


def over_https(url, certificate):
    # The host's own certificate is the only authority, and its address must be in it.
    context = ssl.create_default_context(cafile=certificate)
    return xmlrpc.client.ServerProxy(url, context=context)


def over_socket(path):
    return xmlrpc.client.ServerProxy("http://localhost/", transport=SocketTransport(path))


class Refused(Exception):
    pass


def value(answer):
    if answer["Status"] != "Success":
        raise Refused(answer["ErrorDescription"])
    return answer["Value"]


def attempt(call):
    try:
        return {"value": value(call())}
    except Refused as refused:
        return {"error": refused.args[0]}


def main():
    order = json.load(sys.stdin)
    if "socket" in order:
        xapi = over_socket(order["socket"])
    else:
        xapi = over_https(order["url"], order["certificate"])
    login = attempt(lambda: xapi.session.login_with_password(order["user"], order["password"]))
    result = {"login": login, "steps": []}
    session = login.get("value")
    for step in order.get("steps", []):
        if session is None:
            break
        method, params = step[0], step[1:]
        call = xapi
        for part in method.split("."):
            call = getattr(call, part)
        result["steps"].append(attempt(lambda: call(session, *params)))
    print(json.dumps(result, default=str))


main()
