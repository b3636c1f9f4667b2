"""The page of Flask's deployment guide, and around it what a site does: forms, uploads, streams, sessions, files, errors."""
import hashlib
import os

from flask import Flask, Response, abort, jsonify, redirect, render_template_string, request, send_file, session, url_for

app = Flask(__name__)
app.secret_key = "not a secret"

PAGE = "<!doctype html><title>{{ title }}</title><a href='{{ url_for('news') }}'>news</a> <img src='{{ url_for('static', filename='logo.txt') }}'>"


@app.route("/")
def index():
    return render_template_string(PAGE, title="Hello World!")


@app.route("/news/")
def news():
    return "News, page %s, at %s" % (request.args.get("page", "1"), url_for("news", _external=True))


@app.route("/people/<name>")
def person(name):
    return "Hello, %s!" % name


@app.route("/form", methods=["GET", "POST"])
def form():
    if request.method == "POST":
        session["name"] = request.form["name"]
        return redirect(url_for("whoami"))
    return "<form method=post><input name=name></form>"


@app.route("/whoami")
def whoami():
    return "You are %s" % session.get("name", "nobody")


@app.route("/upload", methods=["POST"])
def upload():
    sent = request.files["file"]
    data = sent.read()
    return jsonify(name=sent.filename, size=len(data), sha=hashlib.sha1(data).hexdigest(), note=request.form["note"])


@app.route("/stream")
def stream():
    return Response(("line %d\n" % n for n in range(1000)), mimetype="text/plain")


@app.route("/download")
def download():
    return send_file(os.path.join(app.static_folder, "logo.txt"), as_attachment=True)


@app.route("/boom")
def boom():
    raise LookupError("no such thing")


@app.route("/teapot")
def teapot():
    abort(418)
