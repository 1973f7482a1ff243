import type { Dice } from "../ports.ts";
import type { DiskPlan, GuestPlan, GuestSystem } from "./guest-records.ts";
import type { HostPlan } from "./host-records.ts";

/** One kind of service that every clinic of the group runs. */
interface ServiceRow {
  readonly names: readonly string[];
  readonly system: GuestSystem;
  readonly memoryGib: readonly number[];
  readonly vcpus: number;
  readonly treatment: "restart" | "best-effort" | "";
  readonly order: number;
  readonly startDelayS: number;
  readonly disk: DiskPlan["on"];
  readonly diskGib: number;
}

const service = (
  names: readonly string[],
  system: GuestSystem,
  memoryGib: readonly number[],
  rest: readonly [number, ServiceRow["treatment"], number, number, DiskPlan["on"], number],
): ServiceRow => {
  const [vcpus, treatment, order, startDelayS, disk, diskGib] = rest;
  return { names, system, memoryGib, vcpus, treatment, order, startDelayS, disk, diskGib };
};

/** By site language: German, Spanish, French, Czech, English. */
const services: readonly ServiceRow[] = [
  service(
    ["Anmeldedienst", "Inicio de sesión", "Annuaire", "Přihlašování", "Sign-in"],
    "windows",
    [4, 6],
    [2, "restart", 0, 15, "nfs", 80],
  ),
  service(
    ["DNS und Zeit", "DNS y hora", "DNS et horloge", "DNS a čas", "DNS and time"],
    "debian",
    [1],
    [1, "restart", 0, 3, "nfs", 12],
  ),
  service(
    [
      "Patientenakte DB",
      "Historia clínica BD",
      "Dossier patient BD",
      "Karta pacienta DB",
      "EHR DB",
    ],
    "rocky",
    [16, 24],
    [8, "restart", 1, 30, "iscsi", 600],
  ),
  service(
    ["Patientenakte", "Historia clínica", "Dossier patient", "Karta pacienta", "EHR application"],
    "rocky",
    [8, 12],
    [4, "restart", 2, 15, "iscsi", 60],
  ),
  service(
    ["Laborsystem", "Laboratorio", "Laboratoire", "Laboratoř", "Laboratory"],
    "windows",
    [8],
    [4, "restart", 2, 10, "iscsi", 200],
  ),
  service(
    [
      "Röntgenarchiv",
      "Imágenes médicas",
      "Imagerie médicale",
      "Rentgenový archiv",
      "Imaging archive",
    ],
    "debian",
    [8, 12],
    [4, "restart", 3, 8, "nfs", 1_200],
  ),
  service(
    ["Apotheke", "Farmacia", "Pharmacie", "Lékárna", "Pharmacy"],
    "windows",
    [6],
    [2, "restart", 3, 5, "iscsi", 120],
  ),
  service(
    ["OP-Planung", "Agenda de quirófano", "Planning du bloc", "Plán operací", "Theatre planning"],
    "windows",
    [6],
    [2, "restart", 3, 5, "nfs", 100],
  ),
  service(
    ["Schnittstellen HL7", "Integración HL7", "Échanges HL7", "Rozhraní HL7", "HL7 gateway"],
    "ubuntu",
    [4],
    [2, "restart", 2, 5, "nfs", 40],
  ),
  service(
    ["Küche und Diät", "Cocina y dietas", "Cuisine et régimes", "Kuchyně a diety", "Catering"],
    "windows",
    [4],
    [2, "best-effort", 5, 0, "nfs", 80],
  ),
  service(
    ["Dateiablage", "Archivos", "Fichiers", "Soubory", "File shares"],
    "windows",
    [4, 6],
    [2, "best-effort", 5, 3, "nfs", 800],
  ),
  service(
    ["Druckdienst", "Impresión", "Impression", "Tisk", "Print service"],
    "windows",
    [2],
    [2, "best-effort", 6, 0, "nfs", 60],
  ),
  service(
    ["Überwachung", "Supervisión", "Supervision", "Dohled", "Monitoring"],
    "debian",
    [4],
    [2, "best-effort", 4, 0, "nfs", 100],
  ),
  service(
    ["Testsystem", "Pruebas", "Recette", "Zkušební systém", "Test system"],
    "ubuntu",
    [2, 4],
    [2, "", 0, 0, "local", 60],
  ),
  service(
    ["Schulung", "Formación", "Formation", "Školení", "Training"],
    "windows",
    [4],
    [2, "", 0, 0, "nfs", 80],
  ),
];

/** Sites with the column of their language. */
const sites: readonly (readonly [string, number])[] = [
  ["Überlingen", 0],
  ["Zaragoza", 1],
  ["Besançon", 2],
  ["Plzeň", 3],
  ["Norwich", 4],
  ["Göttingen", 0],
  ["León", 1],
  ["Orléans", 2],
  ["České Budějovice", 3],
  ["Kilkenny", 4],
  ["Fürth", 0],
  ["A Coruña", 1],
  ["Saint-Étienne", 2],
  ["Olomouc", 3],
  ["Aberdeen", 4],
  ["Köln", 0],
  ["Cádiz", 1],
  ["Nîmes", 2],
  ["Hradec Králové", 3],
  ["Swansea", 4],
];

export function clinicHosts(count: number, memoryGib: number): readonly HostPlan[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `klinik-xcp${String(index + 1).padStart(2, "0")}`,
    description: `Rechenzentrum ${index % 2 === 0 ? "Nord" : "Süd"}, Schrank ${Math.floor(index / 8) + 1}`,
    memoryGib,
    cpuCount: 32,
    model: index % 2 === 0 ? "Dell PowerEdge R750" : "HPE ProLiant DL380",
  }));
}

/** As many guests as asked for, spread over the hosts; names are unique. */
export function clinicGuests(
  dice: Dice,
  size: { readonly guests: number; readonly hosts: number },
): readonly GuestPlan[] {
  return Array.from({ length: size.guests }, (_, index) => clinicGuest(dice, index, size.hosts));
}

function clinicGuest(dice: Dice, index: number, hostCount: number): GuestPlan {
  const row = services[index % services.length]!;
  const [site, language] = sites[Math.floor(index / services.length) % sites.length]!;
  const round = Math.floor(index / (services.length * sites.length)) + 1;
  const name = `${site} – ${row.names[language] ?? row.names[0]!}${round === 1 ? "" : ` ${round}`}`;
  const isHalted = row.treatment === "" && dice.fraction() < 0.3;
  return {
    name,
    system: row.system,
    memoryGib: row.memoryGib[Math.floor(dice.fraction() * row.memoryGib.length)]!,
    vcpus: row.vcpus,
    treatment: row.treatment,
    order: row.order,
    startDelayS: row.startDelayS,
    disks: [{ gib: row.diskGib, on: row.disk }],
    host: (index * 7 + Math.floor(dice.fraction() * 3)) % hostCount,
    isHalted,
    tags: [site],
    ...(row.order >= 1 && row.order <= 2 && row.treatment === "restart" && index < 45
      ? { appliance: `Klinische Kette ${site}` }
      : {}),
    isAutostart: row.order === 0 && row.treatment === "restart",
  };
}
