"""Python's own parsers, and supervisord's, asked by tests: one JSON list of questions in, one of answers out."""
import json
import shlex
import sys

import supervisor.options as options
from supervisor.datatypes import dict_of_key_value_pairs

# Accounts, directories and events of the machine are no question of syntax.
options.name_to_uid = lambda name: 0
options.gid_for_uid = lambda uid: 0
options.colon_separated_user_group = lambda text: text
options.existing_dirpath = lambda path: path
options.existing_directory = lambda path: path
real_logfile_name = options.logfile_name
options.logfile_name = lambda value: value if isinstance(value, str) and "/" in value else real_logfile_name(value)


def ini(text):
    parser = options.UnhosedConfigParser()
    parser.read_string(text)
    return {name: dict(parser.items(name)) for name in parser.sections()}


def config(path):
    wish = options.ServerOptions()
    wish.configfile = path
    wish.here = path.rpartition("/")[0]
    wish.environ_expansions = {}
    section = wish.read_config(path)
    found = []
    for group in section.process_group_configs:
        for process in group.process_configs:
            socket = getattr(group, "socket_config", None)
            found.append({
                "kind": type(process).__name__,
                "name": process.name,
                "group": group.name,
                "command": process.command,
                "directory": process.directory,
                "environment": process.environment,
                "stopwaitsecs": process.stopwaitsecs,
                "umask": process.umask,
                "socket": None if socket is None else str(socket),
            })
    return found


verbs = {
    "ini": ini,
    "split": shlex.split,
    "pairs": lambda text: list(dict_of_key_value_pairs(text).items()),
    "format": lambda question: question[0] % question[1],
    "config": config,
}

answers = []
for verb, question in json.load(sys.stdin):
    try:
        answers.append({"value": verbs[verb](question)})
    except Exception as error:
        answers.append({"error": f"{type(error).__name__}: {error}"})
json.dump(answers, sys.stdout)
