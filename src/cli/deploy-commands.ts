/** The commands that bring fcgi-pm to a machine: text for other programs, text from other programs, services. */
import type { Command } from "commander";

type Finish = (status: number) => void;

/** Adds them; what they do is loaded when it is asked for. */
export function addDeployCommands(program: Command, finish: Finish): void {
  for (const add of [addGenerate, addImport, addInstall, addUninstall, addCompletion]) add(program, finish);
}

const generateExamples = `
Examples:
  fcgi-pm generate nginx blog --server-name blog.example > /etc/nginx/conf.d/blog.conf
  fcgi-pm generate apache blog --at /app --static /srv/blog/static
  fcgi-pm generate caddy shop --root /var/www/shop
  fcgi-pm generate systemd`;

function addGenerate(program: Command, finish: Finish): void {
  program
    .command("generate")
    .summary("print the configuration of a web server or a service for an app")
    .description(
      "Prints a complete file with comments, for apps of the config, or else of the running managers. A web server gets\n" +
        "their real listeners, with SCRIPT_NAME and PATH_INFO right for it; docs/web-servers.md says what each one does.",
    )
    .argument("<kind>", "nginx, apache, lighttpd, haproxy, caddy, systemd, sysv or logrotate")
    .argument("[app]", "the app (the only one, or every app: for a web server each below /NAME)")
    .option("-c, --config <file>", "the config that has the app (./fcgi-pm.toml, then /etc/fcgi-pm/fcgi-pm.toml)")
    .option("--control <path>", "web servers: the apps of this running manager, and no config")
    .option("--at <path>", "web servers: the path below which the app is served (the root)")
    .option("--static <directory>", "web servers: files of this directory are served first, without the app")
    .option("--server-name <name>", "web servers: for requests to this host (every host)")
    .option("--listen <port>", "web servers: where they listen: 8080, 127.0.0.1:8080 (80)")
    .option(
      "--root <directory>",
      "web servers: where the scripts lie, for php-cgi, php-fpm and fcgiwrap (the app's cwd)",
    )
    .option("--index <file>", "web servers: with scripts, what answers for a directory; may repeat (index.php)", more)
    .option("--socket-unit", "systemd: a socket unit for each listener, too")
    .option("--notify-reload", "systemd: a drop-in that reloads by signal, too; for systemd 253 and later")
    .option("--template", "systemd: fcgi-pm@.service, for any /etc/fcgi-pm/NAME.toml")
    .option("--user", "systemd: for the systemd of a user")
    .option("--output <directory>", "systemd: write the units there as files, instead of to standard output")
    .addHelpText("after", generateExamples)
    .action(async (kind: string, app: string | undefined, options) => {
      const { generate } = await import("./generate.ts");
      finish(await generate(kind, app, options));
    });
}

/** An option that may be given several times. */
function more(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function addImport(program: Command, finish: Finish): void {
  program
    .command("import")
    .summary("turn the configuration of another manager into a config of fcgi-pm")
    .description(
      "Reads supervisord.conf, Apache's mod_fastcgi and mod_fcgid, lighttpd's fastcgi.server, pools of php-fpm, units of systemd,\n" +
        "and scripts or command lines with spawn-fcgi and multiwatch, with all that they include. Prints a config; what has no\n" +
        "counterpart stands in it as a comment with its file and line.",
    )
    .argument("[file...]", "what to read (- is standard input); behind -- the words of one command line")
    .option("--command <line>", "a command line in one word instead of a file")
    .option(
      "--from <kind>",
      "whose it is, where that cannot be told: supervisord, apache, lighttpd, php-fpm, systemd, command",
    )
    .option("-o, --output <file>", "write there instead of to standard output; never over a file that is there")
    .option("--force", "replace the output file")
    .addHelpText("after", importExamples)
    .action(async (files: string[], options) => {
      const { importFiles } = await import("./import.ts");
      finish(await importFiles(files, options, process.argv));
    });
}

const importExamples = `
Examples:
  fcgi-pm import /etc/supervisor/supervisord.conf -o fcgi-pm.toml
  fcgi-pm import /etc/apache2/apache2.conf
  fcgi-pm import -- spawn-fcgi -s /run/qgis.sock -F 4 -- /usr/lib/cgi-bin/qgis_mapserv.fcgi
  fcgi-pm import --command "spawn-fcgi -p 9000 -C 5 -f php-cgi"

Exit status: 0 imported, 1 nothing in it starts a FastCGI program, 2 wrong usage.`;

function addInstall(program: Command, finish: Finish): void {
  program
    .command("install")
    .summary("make a service of systemd of a config")
    .description(
      "Checks the config, shows which units it will write and what it will tell systemd, asks, and does it: the service is\n" +
        "enabled, so that it starts with the machine. What is there already is left as it is. A unit that fcgi-pm has not\n" +
        "written is never touched. The service of /etc/fcgi-pm/fcgi-pm.toml is called fcgi-pm, that of blog.toml fcgi-pm-blog.",
    )
    .option("-c, --config <file>", "the config (./fcgi-pm.toml, then /etc/fcgi-pm/fcgi-pm.toml)")
    .option("--now", "start it now, and wait until it is ready; start it anew where its units have changed")
    .option("--user", "a service of your own systemd, without root")
    .option("--socket-unit", "systemd opens the listeners, at boot, and passes them on: a socket unit for each")
    .option("--notify-reload", "reload by signal; for systemd 253 and later")
    .option("-y, --yes", "do it without asking")
    .option("--dry-run", "show what would be done, and do nothing")
    .action(async (options) => {
      const { install } = await import("./install.ts");
      finish(await install(options));
    });
}

function addUninstall(program: Command, finish: Finish): void {
  program
    .command("uninstall")
    .summary("take back what install did")
    .description(
      "Stops and disables the service, and removes the units that install has written. The config, the logs and units of\n" +
        "others stay.",
    )
    .option(
      "-c, --config <file>",
      "the config whose service it is (/etc/fcgi-pm/fcgi-pm.toml); it need not exist any more",
    )
    .option("--user", "the service of your own systemd")
    .option("-y, --yes", "do it without asking")
    .option("--dry-run", "show what would be done, and do nothing")
    .action(async (options) => {
      const { uninstall } = await import("./uninstall.ts");
      finish(await uninstall(options));
    });
}

function addCompletion(program: Command, finish: Finish): void {
  program
    .command("completion")
    .summary("print the completion script of a shell")
    .description(
      "Prints what makes a shell complete commands, options, their values and the names of apps. bash: put the text into\n" +
        "/etc/bash_completion.d/fcgi-pm; zsh: into a file _fcgi-pm in a directory of $fpath; fish: into\n" +
        "~/.config/fish/completions/fcgi-pm.fish. The package has the three texts ready, in dist/completions. They ask\n" +
        "fcgi-pm itself at each completion, so that they need no change when it changes.",
    )
    .argument("<shell>", "bash, zsh or fish")
    .addHelpText(
      "after",
      `
Examples:
  source <(fcgi-pm completion bash)
  fcgi-pm completion zsh > ~/.zsh/completions/_fcgi-pm
  fcgi-pm completion fish > ~/.config/fish/completions/fcgi-pm.fish`,
    )
    .action(async (shell: string) => {
      const { completion } = await import("./completion.ts");
      finish(await completion(shell));
    });
}
